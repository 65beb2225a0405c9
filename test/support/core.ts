/** Installs the committed WebAssembly core in this test process. Import it once, for its effect. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { installCore } from '#core/core.ts'

const file = join(import.meta.dirname, '..', '..', 'evm-core', 'drover_evm.wasm')
installCore(new WebAssembly.Module(readFileSync(file)))

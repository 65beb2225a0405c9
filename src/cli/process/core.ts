/** Gives this thread the WebAssembly core that is committed with the sources. */
import { readFileSync } from 'node:fs'
import { installCore } from '#core/core.ts'

export function installCommittedCore(): void {
  installCore(
    new WebAssembly.Module(readFileSync(new URL('../../../evm-core/drover_evm.wasm', import.meta.url))),
  )
}

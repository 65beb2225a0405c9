/** Applies blocks and undoes some until it is killed: `node writing-process.ts PATH`. One byte to standard output a commit. */
import { writeSync } from 'node:fs'
import { countingBlock, openCounting } from './counting-chain.ts'

const { store } = openCounting(process.argv[2] ?? '', 'writer')
for (let turn = 0; ; turn++) {
  store.commit((writer) => {
    if (turn % 5 === 4 && writer.head().number > 0) writer.undo()
    const { hash, number } = writer.head()
    const snapshot = store.snapshot()
    const parent = number === snapshot.heads.head.number ? number : snapshot.heads.head.number - 1
    const header = snapshot.header(parent)
    snapshot.release()
    if (header?.hash !== hash) throw new Error('the parent is not the one in the store')
    writer.apply(countingBlock({ header }, String(turn)))
  })
  writeSync(1, '.')
}

import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import type { Life } from '#sim/world/life.ts'
import { SimProcess } from '#sim/world/process.ts'
import { createWorld } from '#sim/world/world.ts'
import { createNetwork, type End, type Network } from './network.ts'
import { createTransport } from './transport.ts'

/** Two processes with a connection between them. */
async function joined(seed: number) {
  const world = createWorld(seed, 'short')
  const network = createNetwork(world)
  const processes = ['a', 'b'].map((name) => new SimProcess(name, world, () => new Promise(() => {})))
  for (const process of processes) process.start()
  const [a, b] = processes.map((process) => process.life() as Life) as [Life, Life]
  let far: End<number> | undefined
  network.listen<number>(b, 'b:1', (end) => (far = end))
  const connecting = network.connect<number>(a, 'b:1', 1_000)
  const run = (ms: number): void => {
    const untilMs = world.scheduler.nowMs() + ms
    while (world.scheduler.turn(untilMs)) continue
  }
  run(100)
  const near = await connecting
  return { network, near, far: far as End<number>, run, processes }
}

test('messages arrive in order, each once, whatever is cut and healed in between', async () => {
  const steps = fc.array(fc.constantFrom('send', 'send', 'cut', 'heal', 'wait'), { maxLength: 40 })
  await fc.assert(
    fc.asyncProperty(fc.nat(), steps, async (seed, plan) => {
      const { network, near, far, run } = await joined(seed)
      const arrived: number[] = []
      far.onMessage((message) => arrived.push(message))
      let sent = 0
      for (const step of plan) {
        if (step === 'send') near.send(sent++, 1)
        else if (step === 'cut') network.cut('a', 'b')
        else if (step === 'heal') network.heal('a', 'b')
        else run(0.4)
      }
      network.healAll()
      run(100)
      assert.deepEqual(
        arrived,
        Array.from({ length: sent }, (_, i) => i),
      )
      assert.equal(near.queuedBytes(), 0)
    }),
    { numRuns: 100 },
  )
})

test('a connection ends once for both, and leaves nothing behind, however it ends', async () => {
  for (const end of ['near closes', 'far closes', 'reset', 'near is killed', 'far is killed'] as const) {
    const { network, near, far, run, processes } = await joined(7)
    const lost: string[] = []
    near.onLost(() => lost.push('near'))
    far.onLost(() => lost.push('far'))
    if (end === 'near closes') near.close()
    else if (end === 'far closes') far.close()
    else if (end === 'reset') network.breakOne(0)
    else processes[end === 'near is killed' ? 0 : 1]?.kill('is killed')
    run(100)
    const expected = end.endsWith('killed') ? [end === 'near is killed' ? 'far' : 'near'] : ['far', 'near']
    assert.deepEqual(lost.toSorted(), expected, end)
    assert.equal(network.connectionsOf('a').length, 0, end)
  }
})

test('who sets a handler on a connection that is lost already is told of it later, as a socket tells', async () => {
  const lost: End<unknown> = {
    ...{ peer: 'a', send: () => {}, queuedBytes: () => 0, onMessage: () => {}, close: () => {} },
    onLost: (handler) => handler('gone'),
  }
  const network = {
    listen: (_life: Life, _address: string, accept: (end: End<unknown>) => void) => {
      accept(lost)
      return { close: () => {} }
    },
  } as unknown as Network
  const told: unknown[] = []
  await createTransport({} as Life, network).listen('b:1', (connection) => {
    connection.onLost((cause) => told.push(cause))
    assert.deepEqual(told, [])
  })
  await Promise.resolve()
  assert.deepEqual(told, ['gone'])
})

/** Real client libraries through the gateway: deploy, wait, read back, watch an event. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { Contract, ContractFactory, JsonRpcProvider, NonceManager, Wallet } from 'ethers'
import { type Abi, createPublicClient, createWalletClient, defineChain, type Hex, http } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { DEV_ACCOUNTS, DEV_CHAIN_ID, devGenesis } from '#cli/dev/genesis.ts'
import token from '#cli/dev/token.json' with { type: 'json' }
import { Anvil } from '#test/master/anvil.ts'
import { type Cluster, startCluster } from '#test/support/cluster.ts'
import { needs } from '#test/support/needs.ts'

/** anvil's well-known first and second keys. */
const KEYS: readonly Hex[] = [
  '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80',
  '0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d',
]
const [, , holder] = DEV_ACCOUNTS
const abi = token.abi as Abi
const bytecode = token.bytecode as Hex

async function withCluster(run: (url: string, anvil: Anvil) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'drover-clients-'))
  const genesisFile = join(dir, 'genesis.json')
  writeFileSync(genesisFile, JSON.stringify(devGenesis(1_700_000_000)))
  const anvil = await Anvil.start(genesisFile, '--block-time', '0.3')
  let cluster: Cluster | undefined
  try {
    cluster = await startCluster({ client: anvil.webSocket, genesisFile, replicas: 2 })
    await run(cluster.gateway.url, anvil)
  } finally {
    await cluster?.stop()
    await anvil.stop()
    rmSync(dir, { recursive: true, force: true })
  }
}

test('viem and ethers work through the gateway', { ...needs('anvil'), timeout: 120_000 }, async (t) => {
  await withCluster(async (url) => {
    await t.test('viem: deploys, waits, reads back, watches an event', () => useViem(url))
    await t.test('ethers: deploys, waits, reads back, watches an event', () => useEthers(url))
  })
})

async function useViem(url: string): Promise<void> {
  const chain = defineChain({
    id: DEV_CHAIN_ID,
    name: 'dev',
    nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
    rpcUrls: { default: { http: [url] } },
  })
  const account = privateKeyToAccount(KEYS[0] as Hex)
  const reader = createPublicClient({ chain, transport: http(url), pollingInterval: 50 })
  const wallet = createWalletClient({ chain, transport: http(url), account })

  const deployed = await reader.waitForTransactionReceipt({
    hash: await wallet.deployContract({ abi, bytecode }),
  })
  const address = deployed.contractAddress
  assert.ok(address)
  assert.ok(((await reader.getCode({ address })) ?? '0x').length > 100)

  const seen = Promise.withResolvers<bigint>()
  const stop = reader.watchContractEvent({
    ...{ address, abi, eventName: 'Transfer', poll: true, pollingInterval: 50 },
    onLogs: (logs) => {
      const { args } = logs[0] as unknown as { args: { value: bigint } }
      if (args.value === 7n) seen.resolve(args.value)
    },
    onError: (error) => seen.reject(error),
  })
  const write = async (functionName: string, args: readonly unknown[]): Promise<void> => {
    const receipt = await reader.waitForTransactionReceipt({
      hash: await wallet.writeContract({ address, abi, functionName, args }),
    })
    assert.equal(receipt.status, 'success')
  }
  await write('mint', [account.address, 1_000n])
  await write('transfer', [holder, 7n])
  assert.equal(await seen.promise, 7n)
  stop()
  assert.equal(await reader.readContract({ address, abi, functionName: 'balanceOf', args: [holder] }), 7n)
  assert.equal(
    await reader.readContract({ address, abi, functionName: 'balanceOf', args: [account.address] }),
    993n,
  )

  const events = await reader.getContractEvents({ address, abi, eventName: 'Transfer', fromBlock: 0n })
  assert.equal(events.length, 2)
  await assert.rejects(
    reader.simulateContract({ address, abi, functionName: 'transfer', args: [holder, 10n ** 30n], account }),
    /balance/,
    'a revert comes with its reason',
  )
  assert.ok(
    (await reader.estimateContractGas({
      address,
      abi,
      functionName: 'transfer',
      args: [holder, 1n],
      account,
    })) > 21_000n,
  )
  const history = await reader.getFeeHistory({ blockCount: 3, rewardPercentiles: [50] })
  assert.equal(history.baseFeePerGas.length, history.gasUsedRatio.length + 1)
  assert.equal(
    await reader.getTransactionCount({ address: account.address, blockTag: 'pending' }),
    await reader.getTransactionCount({ address: account.address }),
  )
}

async function useEthers(url: string): Promise<void> {
  const provider = new JsonRpcProvider(url, DEV_CHAIN_ID, {
    staticNetwork: true,
    polling: true,
    pollingInterval: 50,
    cacheTimeout: -1,
  })
  try {
    const wallet = new NonceManager(new Wallet(KEYS[1] as string, provider))
    const from = await wallet.getAddress()
    const deployed = await new ContractFactory(token.abi, token.bytecode, wallet).deploy()
    await deployed.waitForDeployment()
    const contract = new Contract(await deployed.getAddress(), token.abi, wallet)
    const method = (name: string) => contract.getFunction(name)

    const seen = Promise.withResolvers<bigint>()
    await contract.on('Transfer', (_from: string, _to: string, value: bigint) => {
      if (value === 5n) seen.resolve(value)
    })
    await (await method('mint')(from, 100n)).wait()
    const receipt = await (await method('transfer')(holder, 5n)).wait()
    assert.equal(receipt.status, 1)
    assert.equal(await seen.promise, 5n)
    await contract.removeAllListeners()
    assert.equal(await method('balanceOf')(holder), 5n)
    assert.equal((await contract.queryFilter('Transfer', 0)).length, 2)
    await assert.rejects(method('transfer').staticCall(holder, 10n ** 30n), /balance/)
    assert.equal((await provider.getBlock('latest'))?.number, await provider.getBlockNumber())
  } finally {
    provider.destroy()
  }
}

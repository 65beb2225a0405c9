/** Makes sure that the execution client runs the chain of the genesis given, before anything of it is believed. */
import { toHex } from '#kernel/bytes.ts'
import { Fault } from '#kernel/fault.ts'
import type { Genesis } from '#chain/fork/genesis.ts'
import type { Header } from '#chain/header/header.ts'
import type { ExecutionClient } from './client.ts'
import { fetchFirstHeader } from './fetch.ts'

/** The root of a trie without entries. */
const EMPTY_ROOT = '0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421'

export interface Identified {
  /** The client's block 0: what its block 1 names as parent. */
  readonly baseHeader: Header
  /** web3_clientVersion. */
  readonly version: string
}

/** @throws Fault master/foreign-client, and those of ExecutionClient.call */
export async function identify(client: ExecutionClient, genesis: Genesis): Promise<Identified> {
  const chainId = BigInt(String(await client.call('eth_chainId', [])))
  const version = String(await client.call('web3_clientVersion', []))
  const baseHeader = await fetchFirstHeader(client)
  if (baseHeader === undefined)
    throw new Fault('master/client-error', 'the execution client has no block 0: is it still starting?')
  if (chainId !== genesis.config.chainId || !isBlockZero(baseHeader, genesis.header, version))
    throw new Fault(
      'master/foreign-client',
      `the execution client is on chain ${chainId} with genesis ${baseHeader.hash}, the genesis file says chain ${genesis.config.chainId} with genesis ${genesis.header.hash}: give the file that the client was started with`,
      {
        clientChainId: String(chainId),
        clientGenesis: baseHeader.hash,
        chainId: String(genesis.config.chainId),
        genesis: genesis.header.hash,
      },
    )
  return { baseHeader, version }
}

/**
 * anvil 1.7.1 given a genesis file names the empty state root in its block 0 and keeps a gas limit of its own, though the state is the
 * file's (its block 1 has the true root). Its block 0 is the base then; what is left of it must be the file's.
 */
function isBlockZero(theirs: Header, ours: Header, version: string): boolean {
  if (theirs.hash === ours.hash) return true
  return (
    version.startsWith('anvil/') &&
    toHex(theirs.stateRoot) === EMPTY_ROOT &&
    theirs.timestamp === ours.timestamp &&
    theirs.baseFeePerGas === ours.baseFeePerGas
  )
}

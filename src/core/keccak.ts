export function keccak256(_data: Uint8Array): Uint8Array {
  throw new Error('core')
}

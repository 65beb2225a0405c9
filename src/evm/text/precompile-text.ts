/**
 * geth's words for inputs that a precompile refuses (core/vm/contracts.go and the libraries under it), from revm's. They are seen where a
 * call is to the precompile itself; inside a frame only that it failed is.
 */
export const MODEXP_TOO_LONG = 'one or more of base/exponent/modulus length exceeded 1024 bytes'

const TEXTS: readonly (readonly [revms: RegExp, geths: string])[] = [
  [/^wrong final indicator flag for blake2$/, 'invalid final flag'],
  [/^(wrong input length for blake2|invalid blob input length|bls12-381 .* input length error)$/, 'invalid input length'],
  [/^bls12-381 fp 64 top bytes of input are not zero$/, 'invalid field element top bytes'],
  [/^(non-canonical field element|field point not a member of bn254 curve)$/, 'invalid fp.Element encoding'],
  [/^bls12-381 g[12] point not on curve$/, 'invalid point: not on curve'],
  [/^bls12-381 g1 point not in correct subgroup$/, 'g1 point is not on correct subgroup'],
  [/^bls12-381 g2 point not in correct subgroup$/, 'g2 point is not on correct subgroup'],
  [/^failed to create affine g point for bn254 curve$/, 'point is not on curve'],
  [/^bn254 invalid pair length$/, 'bad elliptic curve pairing size'],
  [/^mismatched blob version$/, 'mismatched versioned hash'],
  [/^verifying blob kzg proof failed$/, 'error verifying kzg proof'],
  [/^Modexp limit all input sizes/, MODEXP_TOO_LONG],
] // biome-ignore format: one table

export function precompileText(revms: string): string {
  return TEXTS.find(([pattern]) => pattern.test(revms))?.[1] ?? revms
}

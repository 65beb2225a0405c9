/** The token of the Engine API's authentication: HS256 with the secret of client and caller, and the time of issue (RFC 7519; execution-apis, engine/authentication). */
import { createHmac } from 'node:crypto'

/** @param secret 32 bytes */
export function jsonWebToken(secret: Uint8Array, issuedAtSeconds: number): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ iat: issuedAtSeconds })}`
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
}

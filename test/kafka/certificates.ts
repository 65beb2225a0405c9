/** An authority of our own and certificates by it, as brokers' key stores: made with the keytool that comes with Java, as Kafka does. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

export const STORE_PASSWORD = 'changeit'

export interface Authority {
  /** PEM. */
  readonly file: string
  /** A PKCS12 key store with a certificate for these names. @param names in keytool's words, like `ip:127.0.0.1` */
  storeFor(name: string, names: string): string
}

export function makeAuthority(dir: string): Authority {
  const all = join(dir, 'authority.p12')
  const file = join(dir, 'authority.pem')
  makeKey(all, 'authority', ['-ext', 'bc:c'])
  keytool(['-exportcert', '-rfc', '-alias', 'authority', '-file', file], all)
  return {
    file,
    storeFor(name, names) {
      const store = join(dir, `${name}.p12`)
      makeKey(all, name, ['-signer', 'authority', '-ext', `san=${names}`])
      const from = ['-srckeystore', all, '-srcstorepass', STORE_PASSWORD, '-srcalias', name]
      const to = ['-destkeystore', store, '-deststoretype', 'PKCS12', '-deststorepass', STORE_PASSWORD]
      run(['-importkeystore', '-noprompt', ...from, ...to])
      return store
    },
  }
}

function makeKey(store: string, name: string, more: readonly string[]): void {
  const kind = ['-keyalg', 'EC', '-groupname', 'secp256r1', '-validity', '2', '-dname', `CN=${name}`]
  keytool(['-genkeypair', '-alias', name, ...kind, ...more], store)
}

function keytool(words: readonly string[], store: string): void {
  run([...words, '-keystore', store, '-storetype', 'PKCS12', '-storepass', STORE_PASSWORD])
}

function run(words: readonly string[]): void {
  const { status, stdout, stderr } = spawnSync('keytool', words, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`keytool ${words[0]}: ${stdout}${stderr}`)
}

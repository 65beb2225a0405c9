/** What each folder of src/ may import, lowest first. The only statement of the architecture that tools read. */
export const below: Record<string, readonly string[]> = {
  kernel: [],
  core: ['kernel'],
  chain: ['kernel', 'core', 'chain'],
  protocol: ['kernel', 'chain'],
  wire: ['kernel', 'core', 'chain', 'protocol'],
  rpc: ['kernel', 'chain', 'rpc'],
  evm: ['kernel', 'core', 'chain', 'evm'],
  ports: ['kernel', 'ports'],
  state: ['kernel', 'core', 'chain', 'ports', 'state'],
  roles: ['kernel', 'core', 'chain', 'protocol', 'wire', 'rpc', 'evm', 'ports', 'state'],
  platform: ['kernel', 'ports', 'platform'],
  sim: ['kernel', 'core', 'chain', 'protocol', 'wire', 'rpc', 'evm', 'ports', 'state', 'roles', 'sim'],
  cli: [
    'kernel',
    'core',
    'chain',
    'protocol',
    'wire',
    'rpc',
    'evm',
    'ports',
    'state',
    'roles',
    'platform',
    'cli',
  ],
}

/** Folders whose subfolders are siblings that may not import each other. */
export const siblings: readonly string[] = ['roles', 'protocol']

/** Folders that know they run on Node. All others are deterministic: no packages, no node: modules, no ambient clock. */
export const onNode: readonly string[] = ['platform', 'cli']

/** The few places outside those folders that may name a package, one package each. */
export const doors: Record<string, string> = {
  'src/wire/gen/drover/feed/v1/feed_pb.js': '@bufbuild/protobuf',
  'src/wire/protobuf.ts': '@bufbuild/protobuf',
}

/** The door to the protobuf runtime: generated types name it, and this file. */
export { create, fromBinary, toBinary } from '@bufbuild/protobuf'

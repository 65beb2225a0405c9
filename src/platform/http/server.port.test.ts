import { httpServerContract } from '#ports/net/http.contract.ts'
import { createHttpServer } from './server.ts'

httpServerContract('own', () => createHttpServer('own'))
httpServerContract('node:http', () => createHttpServer('node'))

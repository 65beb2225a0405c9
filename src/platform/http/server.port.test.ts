import { httpServerContract } from '#ports/http.contract.ts'
import { createHttpServer } from './server.ts'

httpServerContract('own', () => createHttpServer('own'))
httpServerContract('node:http', () => createHttpServer('node'))

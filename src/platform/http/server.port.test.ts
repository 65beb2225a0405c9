import { httpServerContract } from '#ports/net/http.contract.ts'
import { httpLifetimeContract } from '#ports/net/http-lifetime.contract.ts'
import { createHttpServer } from './server.ts'

for (const contract of [httpServerContract, httpLifetimeContract]) {
  contract('own', () => createHttpServer('own'))
  contract('node:http', () => createHttpServer('node'))
}

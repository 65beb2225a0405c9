/** The answer of a handler in a test. */
import type { HttpResponse } from '#ports/net/http.ts'

export function plain(body: HttpResponse['body'], status = 200): HttpResponse {
  return { status, headers: { 'content-type': 'text/plain' }, body }
}

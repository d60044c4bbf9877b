// The API as a TypeScript program meets it: a client whose types are those of the contract. Its answers are held against
// the contract like all others.
import createClient, { type Client } from 'openapi-fetch'
import type { paths } from '../../openapi.d.ts'
import { checkAnswer } from './contract.ts'
import type { Api } from './local-stack.ts'

/** A client of that API, with its token when there is one. */
export function openClient(api: Api): Client<paths> {
  const client = createClient<paths>({
    baseUrl: api.url,
    headers: api.token === undefined ? {} : { authorization: `Bearer ${api.token}` },
  })
  client.use({
    onResponse: async ({ request, response }) => {
      const { pathname, search } = new URL(request.url)
      checkAnswer({
        method: request.method,
        path: pathname + search,
        status: response.status,
        headers: Object.fromEntries(response.headers),
        body: await response.clone().json(),
      })
    },
  })
  return client
}

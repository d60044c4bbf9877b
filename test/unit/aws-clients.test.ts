// A call of AWS ends in time: against a server that takes connections and says nothing, as one that a container slept on.
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { boundCalls, quickCalls } from '../../shared/aws-clients.ts'
import { catchError } from '../support/fakes.ts'

let server: Server
let requests: number
/** How many requests get no answer. */
let silent: number

beforeEach(async () => {
  requests = 0
  server = createServer((_request, response) => {
    requests++
    if (requests <= silent) return
    response.writeHead(200, { 'content-type': 'application/x-amz-json-1.1' }).end('{"SecretString":"text"}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})

afterEach(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

function read() {
  const client = new SecretsManagerClient({
    ...boundCalls({ attempts: 2, connect: 1000, request: 1000 }),
    ...{ endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, region: 'us-east-1' },
    credentials: { accessKeyId: 'none', secretAccessKey: 'none' },
  })
  return client.send(new GetSecretValueCommand({ SecretId: 'arn' })).finally(() => client.destroy())
}

it('a request that nobody answers is given up and sent again', async () => {
  silent = 1
  expect((await read()).SecretString).toBe('text')
  expect(requests).toBe(2)
})

it('when nobody answers that one either, the call fails', async () => {
  silent = 9
  expect(await catchError(read)).toMatchObject({ name: 'TimeoutError' })
  expect(requests).toBe(2)
})

it('small calls end within six seconds, pauses apart', () => {
  const { maxAttempts, requestHandler } = quickCalls
  expect(maxAttempts * (requestHandler.connectionTimeout + requestHandler.requestTimeout)).toBeLessThanOrEqual(6000)
})

// Authentication and authorisation, live: through the gateway, its cached authorizer and the issuer, over HTTP.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import {
  GetFunctionConfigurationCommand,
  LambdaClient,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda'
import { describe, expect, it } from 'vitest'
import type { Bearer } from '../../local/issuer.ts'
import { scopes } from '../../shared/access.ts'
import {
  type AccessRow,
  accessTable,
  type CallerKind,
  callers,
  type Subject,
  scopesOf,
} from '../support/access-table.ts'
import { makeBadTokens } from '../support/bad-tokens.ts'
import { samples } from '../support/fixtures.ts'
import {
  type Answer,
  type Api,
  call,
  encodePathSegment,
  openApi,
  postDocument,
  type StackDescription,
  waitForWallet,
} from '../support/local-stack.ts'

type Context = {
  readonly stack: () => StackDescription
  readonly state: string
  /** The deployed stacks' outputs. */
  readonly outputs: () => Readonly<Record<string, string>>
}

/** What a client may tell two answers apart by, but for ids, times and the connection. */
function tellApart({ status, headers, body }: Answer) {
  const { date: _date, 'x-request-id': id, 'x-process-time': _time, ...rest } = headers
  const ids = ['x-amzn-requestid', 'x-amz-request-id', 'connection', 'keep-alive', 'x-amzn-trace-id', 'x-amz-apigw-id']
  expect(body.request_id).toBe(id)
  const kept = Object.entries(rest).filter(([name]) => !ids.includes(name))
  return { status, headers: Object.fromEntries(kept), body: JSON.stringify(body).replace(String(id), 'ID') }
}

/** Defines the tests; the stack must be running when they run. */
export function describeDoors(context: Context): void {
  const open = (bearer: Bearer, options?: Parameters<typeof openApi>[3]): Promise<Api> =>
    openApi(context.stack(), context.state, bearer, options)
  const nobody = (): Api => ({ url: context.stack().api_url })

  let subject: Promise<Subject> | undefined
  /** A user who has a verification and a wallet; made once. */
  function findSubject(): Promise<Subject> {
    subject ??= (async () => {
      const userId = 'doors-owner'
      const api = await open({ user: userId })
      const posted = await postDocument(api, { user_id: userId, network: 'ethereum', document: samples.card })
      const { body: wallet } = await waitForWallet(api, userId, 'ethereum')
      const address = String(wallet.wallet_address)
      return { userId, verificationId: String(posted.body.verification_id), address }
    })()
    return subject
  }

  function ask(api: Api, row: AccessRow, about: Subject): Promise<Answer> {
    const [method = '', template = ''] = row.route.split(' ')
    const { pathParameters = {}, query = {}, body } = row.request(about)
    const path = template.replace(/\{(\w+)\}/g, (_, name: string) => encodePathSegment(pathParameters[name] ?? ''))
    const search = new URLSearchParams(query).toString()
    return call(api, search === '' ? path : `${path}?${search}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    })
  }

  async function openAs(kind: CallerKind, row: AccessRow, { userId }: Subject): Promise<Api> {
    if (kind === 'nobody') return nobody()
    const bearer: Bearer = { user: kind === 'other' ? 'doors-other' : userId }
    const options = { scopes: scopesOf(kind, row.scope), ...(kind === 'expired' ? { lifetime: -60 } : {}) }
    return await open(kind === 'service' ? { service: 'doors-service' } : bearer, options)
  }

  describe('the authorisation table, live', () => {
    it.each(accessTable)('$route', async (row) => {
      const about = await findSubject()
      const statuses: Partial<Record<CallerKind, number>> = {}
      for (const kind of callers) statuses[kind] = (await ask(await openAs(kind, row, about), row, about)).status
      expect(statuses).toEqual(row.expected)
    })

    it.each(accessTable.filter(({ hidesOthers }) => hidesOthers))(
      "$route: another's answers as one that does not exist",
      async (row) => {
        const about = await findSubject()
        const api = await openAs('other', row, about)
        const absent = {
          ...{ userId: 'doors-nobody', verificationId: '00000000-0000-4000-8000-000000000009' },
          address: `0x${'0'.repeat(40)}`,
        }
        expect(tellApart(await ask(api, row, about))).toEqual(tellApart(await ask(api, row, absent)))
      },
    )
  })

  describe('a bad token', () => {
    it('gets the same 401 as none, whatever is wrong with it, and on a guarded route alone', async () => {
      const key = JSON.parse(readFileSync(join(context.state, 'issuer', 'key.json'), 'utf8'))
      const { issuer } = JSON.parse(readFileSync(join(context.state, 'ports.json'), 'utf8'))
      const tokens = await makeBadTokens(key, `http://127.0.0.1:${issuer}`)
      const send = (path: string, authorization: string | undefined) =>
        call(nobody(), path, authorization === undefined ? {} : { headers: { authorization } })
      const without = tellApart(await send('/wallet/user-1', undefined))
      expect(without).toMatchObject({ status: 401, headers: { 'www-authenticate': 'Bearer' } })
      for (const [name, authorization] of Object.entries(tokens)) {
        const answer = tellApart(await send('/wallet/user-1', authorization))
        expect({ name, ...answer }).toEqual({ name, ...without })
      }
      expect((await send('/health', tokens['alg none with a signature'])).status).toBe(200)
    })

    it('of a body that is wrong tells nothing of the body', async () => {
      const answer = await call(nobody(), '/verify', { method: 'POST', body: 'no json' })
      expect(answer).toMatchObject({ status: 401, body: { code: 'unauthorized' } })
    })
  })

  describe('the cached authorizer', () => {
    const readWallet = (api: Api, { userId }: Subject) => call(api, `/wallet/${userId}?network=ethereum`)
    const readVerification = (api: Api, { verificationId }: Subject) => call(api, `/verify/${verificationId}`)
    const post = (api: Api, { userId }: Subject) =>
      postDocument(api, { user_id: userId, network: 'ethereum', document: samples.card })
    const statusesOf = async (api: Api, about: Subject, calls: readonly (typeof readWallet)[]) => {
      const statuses: number[] = []
      for (const each of calls) statuses.push((await each(api, about)).status)
      return statuses
    }

    it('lets one token in on every route, in any order', async () => {
      const about = await findSubject()
      // Each token is new, so that its first call is the one that the authorizer is asked about.
      const fresh = () => open({ user: about.userId })
      expect(await statusesOf(await fresh(), about, [readWallet, readVerification, post])).toEqual([200, 200, 202])
      expect(await statusesOf(await fresh(), about, [readVerification, readWallet, post])).toEqual([200, 200, 202])
      expect(await statusesOf(await fresh(), about, [post, readVerification, readWallet])).toEqual([202, 200, 200])
    })

    it('is not asked again, and lets nobody in when no issuer is configured', async () => {
      const about = await findSubject()
      const known = await open({ user: about.userId })
      expect(await statusesOf(known, about, [readWallet])).toEqual([200])
      const lambda = new LambdaClient({
        endpoint: context.stack().emulator_url,
        region: 'us-east-1',
        credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      })
      const FunctionName = context.outputs().AuthorizeFunctionName ?? ''
      const { Environment } = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName }))
      const configure = (TOKENS: string) =>
        lambda.send(
          new UpdateFunctionConfigurationCommand({
            FunctionName,
            Environment: { Variables: { ...Environment?.Variables, TOKENS } },
          }),
        )
      for (const [settings, status] of [
        ['null', 401],
        ['{}', 503],
      ] as const) {
        await configure(settings)
        try {
          const late = await open({ user: about.userId })
          expect(await statusesOf(late, about, [readWallet, readVerification, post])).toEqual([status, status, status])
          expect(await statusesOf(known, about, [readVerification, readWallet, post])).toEqual([200, 200, 202])
        } finally {
          await configure(Environment?.Variables?.TOKENS ?? '')
        }
      }
      expect(await statusesOf(await open({ user: about.userId }), about, [readWallet])).toEqual([200])
    })

    it('knows a token that has expired meanwhile; the handler refuses it in the same words', async () => {
      const about = await findSubject()
      const api = await open({ user: about.userId }, { lifetime: 10 })
      expect(await statusesOf(api, about, [readWallet])).toEqual([200])
      let answer = await readWallet(api, about)
      while (answer.status === 200) {
        await wait(500)
        answer = await readWallet(api, about)
      }
      // Only functions tell how long they took.
      expect(answer.headers['x-process-time']).toMatch(/^\d+\.\d+$/)
      const { body, status } = await readWallet(nobody(), about)
      const withoutId = { ...body, request_id: answer.body.request_id }
      expect(answer).toMatchObject({ status, body: withoutId })
      expect(JSON.stringify(answer.body)).toBe(JSON.stringify(withoutId))
    })
  })

  describe("the earlier service's clients", () => {
    it('send what they sent, and a token with it, and get what is documented', async () => {
      const api = await open({ service: 'earlier-client' })
      const headers = { 'Content-Type': 'application/json' }
      const document = Buffer.from(samples.photo).toString('base64')
      const posted = await call(api, '/verify', {
        ...{ method: 'POST', headers },
        body: JSON.stringify({ user_id: 'earlier-1', network: 'ethereum', document }),
      })
      expect(posted).toMatchObject({ status: 202, body: { message: expect.any(String), status: 'pending' } })
      const { verification_id } = posted.body
      expect(posted.headers.location).toBe(`/verify/${verification_id}`)
      const wallet = await waitForWallet(api, 'earlier-1', 'ethereum')
      expect(wallet).toMatchObject({
        status: 200,
        body: {
          user_id: 'earlier-1',
          network: 'ethereum',
          wallet_address: expect.stringMatching(/^0x[0-9a-fA-F]{40}$/),
        },
      })
      expect(await call(api, `/verify/${verification_id}`)).toMatchObject({ status: 200, body: { status: 'verified' } })
      expect(await call(api, '/wallet/earlier-1')).toMatchObject({ status: 200, body: { wallets: [wallet.body] } })
      expect(await call(nobody(), '/health')).toMatchObject({ status: 200, body: { status: 'ok' } })
    })

    it('read `detail` of errors, of documented statuses', async () => {
      const api = await open({ service: 'earlier-client' })
      const post = (body: object) =>
        call(api, '/verify', {
          method: 'POST',
          headers: { 'Content-Type': 'application/json' },
          body: JSON.stringify(body),
        })
      const document = Buffer.from(samples.photo).toString('base64')
      const answers: [number, Answer][] = [
        [422, await post({ user_id: 'earlier-2', network: 'dogecoin', document })],
        [422, await post({ user_id: 'earlier-2', network: 'ethereum' })],
        [422, await post({ network: 'ethereum', document })],
        [
          413,
          await post({
            user_id: 'earlier-2',
            network: 'tron',
            document: Buffer.alloc(4.2 * 2 ** 20).toString('base64'),
          }),
        ],
        [404, await call(api, '/wallet/earlier-2?network=ethereum')],
        [400, await call(api, '/wallet/earlier-2?network=dogecoin')],
      ]
      for (const [status, answer] of answers) {
        expect(answer).toMatchObject({ status, body: { detail: expect.any(String) } })
      }
    })
  })

  it('no token stands in any log', async () => {
    const about = await findSubject()
    const api = await open({ user: about.userId }, { scopes: [...scopes] })
    const { log_dir } = context.stack()
    const readLogs = () => readdirSync(log_dir).map((name) => readFileSync(join(log_dir, name), 'utf8'))
    const countRefusals = () => readLogs().join('').split('"reason":"signature"').length
    const before = countRefusals()
    expect((await call(api, `/wallet/${about.userId}`)).status).toBe(200)
    expect((await call({ ...api, token: `${api.token}x` }, `/wallet/${about.userId}`)).status).toBe(401)
    await expect.poll(countRefusals).toBeGreaterThan(before)
    const [, , signature = 'none'] = (api.token ?? '').split('.')
    for (const log of readLogs()) expect(log.includes(signature)).toBe(false)
  })
}

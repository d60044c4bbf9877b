// The contract: the committed files are those that the schemas give, examples are of their schemas, and the check that
// holds answers against the document bites.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { makeOpenApiDocument, printContract } from '../../bin/openapi-document.ts'
import { OpenApiTypesError, printOpenApiTypes } from '../../bin/openapi-types.ts'
import { bodySchema } from '../../functions/intake/requests.ts'
import { scopes } from '../../shared/access.ts'
import { networks } from '../../shared/model.ts'
import { type CheckedAnswer, findUndocumented } from '../support/contract.ts'
import { samples } from '../support/fixtures.ts'

const root = join(import.meta.dirname, '../..')
const document = makeOpenApiDocument()

type Operation = {
  operationId: string
  security: { token: string[] }[]
  requestBody?: { content: { 'application/json': { example: unknown; schema: { $ref: string } } } }
  responses: Record<
    string,
    { content?: Record<string, { schema: { $ref?: string }; example?: unknown }>; 'x-codes'?: string[] }
  >
}
const operations = Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
  Object.entries(item ?? {}).map(
    ([method, operation]) => [`${method.toUpperCase()} ${path}`, operation as unknown as Operation] as const,
  ),
)

describe('the committed files', () => {
  it.each(Object.entries(printContract()))('%s is what `npm run openapi` writes', (name, text) => {
    expect(readFileSync(join(root, name), 'utf8')).toBe(text)
  })
})

describe('the document', () => {
  it.each(operations)('%s: says who may call, and answers that all have', (_, { security, responses }) => {
    expect(Object.keys(responses)).toEqual(expect.arrayContaining(['400', '429', '500', '503']))
    if (security.length === 0) {
      expect(Object.keys(responses)).not.toEqual(expect.arrayContaining(['401']))
    } else {
      const [scope] = security[0]?.token ?? []
      expect(scopes.flatMap((name) => [name as string, `${name}:any`])).toContain(scope)
      expect(Object.keys(responses)).toEqual(expect.arrayContaining(['401', '403']))
    }
  })

  it('has examples that are of their schemas', () => {
    const ajv = new Ajv2020({ allErrors: true, strict: false })
    addFormats.default(ajv)
    ajv.addSchema(JSON.parse(JSON.stringify(document)), 'openapi')
    const contents = operations.flatMap(([, { requestBody, responses }]) => [
      ...(requestBody ? [requestBody.content['application/json']] : []),
      ...Object.values(responses).flatMap(({ content }) => Object.values(content ?? {})),
    ])
    const examples = contents.flatMap(({ schema, example }) =>
      schema.$ref === undefined || example === undefined ? [] : [{ reference: schema.$ref, example }],
    )
    expect(examples.length).toBeGreaterThan(40)
    for (const { reference, example } of examples) {
      expect(ajv.validate({ $ref: `openapi${reference}` }, example), JSON.stringify([example, ajv.errors])).toBe(true)
    }
  })

  it('has an upload as example that is taken', () => {
    const [, create] = operations.find(([route]) => route === 'POST /verify') ?? []
    expect(bodySchema.safeParse(create?.requestBody?.content['application/json'].example).success).toBe(true)
  })

  it('agrees with what validates on what a document and a user id are', () => {
    const ajv = new Ajv2020({ strict: false })
    addFormats.default(ajv)
    const schema = z.toJSONSchema(bodySchema, { io: 'input', unrepresentable: 'any' })
    const validate = ajv.compile(schema)
    const good = { user_id: 'a', network: 'tron', document: Buffer.from(samples.letter).toString('base64') }
    const bodies = [
      good,
      ...['', 'a'.repeat(255), 'a'.repeat(256), '\u{1f600}'.repeat(255), 'a\u0000', 'a\u0085', 'a b', '\u00e9'].map(
        (user_id) => ({ ...good, user_id }),
      ),
      ...['', 'AA', 'AAA', 'AAAA', 'AAA=', 'AA==', 'A===', 'AA=A', 'AA-_', 'AAAA\n', ' AAAA'].map((text) => ({
        ...good,
        document: text,
      })),
      ...[...networks, 'doge'].map((network) => ({ ...good, network })),
    ]
    for (const body of bodies) expect(validate(body), JSON.stringify(body)).toBe(bodySchema.safeParse(body).success)
  })
})

it("the README's table of errors has the codes of the document, and no other but that of no route", () => {
  const table = readFileSync(join(root, 'README.md'), 'utf8').split('### Errors')[1]?.split('\n#')[0] ?? ''
  const rows = table.split('\n').flatMap((line) => {
    const [, status = '', codes = ''] = /^\| (\d{3}) \| ([^|]*)\|/.exec(line) ?? []
    return [...codes.matchAll(/`(\w+)`/g)].map(([, code]) => `${status} ${code}`)
  })
  const documented = operations.flatMap(([, { responses }]) =>
    Object.entries(responses).flatMap(([status, response]) =>
      (response['x-codes'] ?? []).map((code) => `${status} ${code}`),
    ),
  )
  expect(rows.toSorted()).toEqual([...new Set([...documented, '404 route_not_found'])].toSorted())
})

describe('the printer of types', () => {
  const withSchema = (schema: unknown) => ({ paths: {}, components: { schemas: { Thing: schema } } })

  it('refuses what it does not know, and says where', () => {
    expect(() => printOpenApiTypes(withSchema({ oneOf: [] }))).toThrow(OpenApiTypesError)
    expect(() => printOpenApiTypes(withSchema({ oneOf: [] }))).toThrow(/Thing/)
    expect(() => printOpenApiTypes(withSchema({ description: 'anything' }))).toThrow(/a type/)
  })

  it('prints optional fields, lists and alternatives', () => {
    const schema = {
      type: 'object',
      properties: {
        one: { enum: ['a', 'b'] },
        two: { type: 'array', items: { anyOf: [{ type: 'null' }, { type: 'integer' }] } },
      },
      required: ['two'],
    }
    expect(printOpenApiTypes(withSchema(schema))).toContain('"one"?: "a" | "b"\n      "two": (null | number)[]')
  })
})

describe('the check of answers', () => {
  const requestId = 'e2b1c0de-6f5c-4f0a-9d0c-2f6a1f6f7a10'
  const wallet = {
    ...{ user_id: 'a/b', network: 'tron', wallet_address: 'T', address_type: 'base58check' },
    ...{ derivation_path: "m/44'/195'/0'/0/0", created_at: '2026-01-02T12:00:00.000Z' },
  }
  const problem = {
    ...{ type: 'urn:x', title: 'Not Found', status: 404, detail: 'none', code: 'wallet_not_found' },
    request_id: requestId,
  }
  const good: CheckedAnswer = {
    method: 'GET',
    path: '/wallet/a%2Fb?network=tron',
    status: 200,
    headers: {
      ...{ 'content-type': 'application/json', 'x-request-id': requestId, 'x-process-time': '0.001000' },
      ...{ etag: '"a"', 'cache-control': 'private, max-age=300', vary: 'Authorization' },
    },
    body: wallet,
  }
  const asProblem = { ...good.headers, 'content-type': 'application/problem+json', 'cache-control': 'no-store' }

  it.each([
    ['a wallet', good],
    ['wallets', { ...good, path: '/wallet/a', body: { user_id: 'a/b', wallets: [wallet] } }],
    ['that the client has it', { ...good, status: 304, body: '' }],
    ['a problem', { ...good, status: 404, headers: asProblem, body: problem }],
    [
      'no such route',
      { ...good, path: '/nowhere', status: 404, headers: asProblem, body: { ...problem, code: 'route_not_found' } },
    ],
    [
      "the platform's own words",
      {
        ...{ method: 'POST', path: '/verify', status: 413, headers: { 'content-type': 'application/json' } },
        body: { message: 'Request Too Long' },
      },
    ],
  ] as const)('accepts %s', (_, answer) => {
    expect(findUndocumented(answer)).toEqual([])
  })

  it.each([
    ['a status', { ...good, status: 201 }, /201/],
    ['a field that is too many', { ...good, body: { ...wallet, account_index: 0 } }, /account_index/],
    ['a field that is missing', { ...good, body: { ...wallet, created_at: undefined } }, /created_at/],
    ['a value', { ...good, body: { ...wallet, created_at: 'yesterday' } }, /date-time/],
    ['a content type', { ...good, headers: { ...good.headers, 'content-type': 'text/plain' } }, /text\/plain/],
    ['a header that is missing', { ...good, headers: { ...good.headers, 'x-request-id': undefined } }, /X-Request-ID/],
    ['a header', { ...good, headers: { ...good.headers, 'x-process-time': 'soon' } }, /X-Process-Time/],
    ['that anyone may keep it', { ...good, headers: { ...good.headers, 'cache-control': 'public' } }, /Cache-Control/],
    ['a tag that is missing', { ...good, headers: { ...good.headers, etag: undefined } }, /ETag/],
    [
      'a problem that may be kept',
      { ...good, status: 404, headers: { ...asProblem, 'cache-control': 'private' }, body: problem },
      /Cache-Control/,
    ],
    ['a code', { ...good, status: 404, headers: asProblem, body: { ...problem, code: 'no_luck' } }, /no_luck/],
    ['a method that is no route', { ...good, method: 'PUT' }, /404/],
    ['a body where there is none', { ...good, path: '/openapi.json', status: 304 }, /no body/],
  ] as const)('refuses %s', (_, answer, said) => {
    expect(findUndocumented(answer).join('\n')).toMatch(said)
  })
})

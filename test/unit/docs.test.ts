// The contract and its page as they are served: the same for everyone, sent once, and under a policy that names each script.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createHandler } from '../../functions/docs/handler.ts'
import { makePage } from '../../functions/docs/page.ts'
import { createMemoryLog, makeHttpEvent, noon } from '../support/fakes.ts'

const root = join(import.meta.dirname, '../..')
const read = (...path: string[]) => readFileSync(join(root, ...path), 'utf8')
const parts = { library: 'var a="<!--<script></script>"', style: 'p{}', ownScript: 'b()', ownStyle: 'q{}' }
const handler = createHandler({
  ...{ log: createMemoryLog(), now: () => noon, newId: () => 'made', contract: '{"openapi":"3.1.0"}' },
  page: makePage(parts),
})
const get = async (resource: string, headers: Record<string, string> = {}) =>
  await handler(makeHttpEvent({ resource, headers }), {} as never)

describe('GET /openapi.json and GET /api/docs', () => {
  it('answers the contract', async () => {
    const answer = await get('/openapi.json')
    expect(answer).toMatchObject({ statusCode: 200, body: '{"openapi":"3.1.0"}' })
    expect(answer.headers).toMatchObject({ 'content-type': 'application/json', 'cache-control': 'public, no-cache' })
  })

  it('answers the page under its policy', async () => {
    const answer = await get('/api/docs')
    expect(answer.headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': makePage(parts).policy,
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
    })
  })

  it.each([
    ['the same', (etag: string) => etag, 304],
    ['the same, called weak by a cache', (etag: string) => `W/${etag}`, 304],
    ['one of several', (etag: string) => `"old", ${etag}`, 304],
    ['any', () => '*', 304],
    ['another', () => '"old"', 200],
    ['none', () => '', 200],
  ])('asked for what is not %s', async (_, toHeader, status) => {
    const etag = String((await get('/api/docs')).headers?.etag)
    const answer = await get('/api/docs', { 'If-None-Match': toHeader(etag) })
    expect(answer.statusCode).toBe(status)
    expect(answer.headers?.etag).toBe(etag)
    if (status === 304) expect(answer.body).toBe('')
  })

  it('tells the two apart', async () => {
    expect((await get('/api/docs')).headers?.etag).not.toBe((await get('/openapi.json')).headers?.etag)
  })

  it('has no other route', async () => {
    expect(JSON.parse((await get('/toString')).body)).toMatchObject({ status: 404, code: 'route_not_found' })
  })
})

describe('the page', () => {
  /** Scripts and styles as a browser finds them. */
  const inlined = (html: string, element: string) =>
    [...html.matchAll(new RegExp(`<${element}>(.*?)</${element}>`, 'gs'))].map(([, text = '']) => text)
  const hash = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`

  it('names every script and style by its hash, and nothing else', () => {
    const { html, policy } = makePage(parts)
    const directives = Object.fromEntries(policy.split('; ').map((one) => [one.split(' ')[0], one.split(' ').slice(1)]))
    expect(directives).toEqual({
      'default-src': ["'none'"],
      'script-src': inlined(html, 'script').map(hash),
      'style-src': inlined(html, 'style').map(hash),
      'img-src': ['data:'],
      'connect-src': ["'self'"],
      'base-uri': ["'none'"],
      'form-action': ["'none'"],
      'frame-ancestors': ["'none'"],
    })
  })

  it('keeps a script whole that speaks of scripts', () => {
    const [library] = inlined(makePage(parts).html, 'script')
    expect(library).not.toMatch(/<!--|<\/?script/i)
    expect(new Function(`${library};return a`)()).toBe('<!--<script></script>')
  })

  it('of the library that is installed is within what Lambda may answer, and leads nowhere else', () => {
    const library = (name: string) => read('node_modules/swagger-ui-dist', name)
    const { html } = makePage({
      library: library('swagger-ui-bundle.js'),
      style: library('swagger-ui.css'),
      ownScript: read('functions/docs/own.js'),
      ownStyle: read('functions/docs/own.css'),
    })
    expect(inlined(html, 'script')).toHaveLength(2)
    expect(html.includes('sourceMappingURL')).toBe(false)
    const own = html.replaceAll(/<(script|style)>.*?<\/\1>/gs, '')
    expect([...own.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, link]) => link)).toEqual(['data:,', '../openapi.json'])
    // As JSON, in which its quotes take two characters. Lambda answers at most 6 MB.
    expect(Buffer.byteLength(JSON.stringify(html))).toBeLessThan(4 * 1024 * 1024)
  })
})

// The contract on the deployed local stack: a typed client, a schema fuzzer, and the page in a real browser.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { findBarriers, findChromium, startBrowser, visit } from '../support/browser.ts'
import { openClient } from '../support/client.ts'
import { samples } from '../support/fixtures.ts'
import { fuzz } from '../support/fuzzer.ts'
import {
  type Api,
  call,
  openApi,
  postDocument,
  runStart,
  type StackDescription,
  type StackProcess,
  stopStack,
  waitForWallet,
  waitUntilStackIsReady,
} from '../support/local-stack.ts'
import { describeLoad } from './load.ts'
import { describeUploads } from './uploads.ts'

const root = join(import.meta.dirname, '../..')
const folder = mkdtempSync(join(inject('stacksFolder'), 'contract-'))
const state = join(folder, 'state')
/** For people to look at after a run. */
const screenshotFolder = join(root, '.local', 'screenshots')
let stackProcess: StackProcess
let stack: StackDescription
let service: Required<Api>

beforeAll(async () => {
  stackProcess = runStart(['--state', state, '--port', '0'], { VERIFICATION_DELAY_SECONDS: '0' })
  stack = await waitUntilStackIsReady(stackProcess, state)
  service = await openApi(stack, state)
})

afterAll(async () => {
  if (stackProcess) await stopStack(stackProcess)
  rmSync(folder, { recursive: true, force: true })
})

describe('the typed client', () => {
  it('sends a document, reads its verification and the wallet', async () => {
    const client = openClient(await openApi(stack, state, { user: 'typed' }))
    const posted = await client.POST('/verify', {
      body: { user_id: 'typed', network: 'bitcoin', document: Buffer.from(samples.letter).toString('base64') },
    })
    expect(posted.response.status).toBe(202)
    const verificationId = posted.data?.verification_id ?? ''
    await waitForWallet(service, 'typed', 'bitcoin')
    const verification = await client.GET('/verify/{verification_id}', {
      params: { path: { verification_id: verificationId } },
    })
    expect(verification.data).toMatchObject({ user_id: 'typed', status: 'verified', reasons: [] })
    const all = await client.GET('/wallet/{user_id}', { params: { path: { user_id: 'typed' } } })
    const one = await client.GET('/wallet/{user_id}', {
      params: { path: { user_id: 'typed' }, query: { network: 'bitcoin', address_type: 'p2pkh' } },
    })
    expect(all.data).toEqual({ user_id: 'typed', wallets: [one.data] })
    const others = await client.GET('/wallet/{user_id}', { params: { path: { user_id: 'alice' } } })
    expect(others.error).toMatchObject({ status: 404, code: 'wallet_not_found' })
  })
})

describeUploads({ stack: () => stack, state, service: () => service })

describe('what a client has already', () => {
  it('is not sent again, and to nobody but who may have it', async () => {
    const owner = await openApi(stack, state, { user: 'typed' })
    const { body } = await waitForWallet(service, 'typed', 'bitcoin')
    const paths = ['/wallet/typed?network=bitcoin', '/wallet/typed', `/addresses/${body.wallet_address}`]
    for (const path of paths) {
      const first = await call(service, path)
      expect(first).toMatchObject({ status: 200, headers: { vary: 'Authorization' } })
      const headers = { 'If-None-Match': `"old", ${first.headers.etag}` }
      const again = await call(service, path, { headers })
      expect(again).toMatchObject({ status: 304, headers: { etag: first.headers.etag }, body: { text: '' } })
    }
    const headers = { 'If-None-Match': '*' }
    expect((await call(owner, '/wallet/typed', { headers })).status).toBe(304)
    const other = await openApi(stack, state, { user: 'another' })
    const refused = await call(other, '/wallet/typed?network=bitcoin', { headers })
    expect(refused).toMatchObject({ status: 404, headers: { 'cache-control': 'no-store' } })
  })
})

describe('GET /openapi.json and GET /api/docs', () => {
  it.each(['/openapi.json', '/api/docs'])('%s is public, whole, and sent once', async (path) => {
    const first = await fetch(stack.api_url + path)
    expect(first.status).toBe(200)
    const etag = first.headers.get('etag') ?? ''
    const again = await fetch(stack.api_url + path, { headers: { 'if-none-match': etag } })
    expect([again.status, await again.text()]).toEqual([304, ''])
    if (path === '/openapi.json') expect(await first.text()).toBe(readFileSync(join(root, 'openapi.json'), 'utf8'))
    else expect(first.headers.get('content-security-policy')).not.toMatch(/unsafe|http/)
  })
})

describe('a schema fuzzer over the whole contract', () => {
  const fuzzer = inject('fuzzer')

  it('finds nothing without a token', async () => {
    const result = await fuzz(
      fuzzer,
      { url: stack.api_url },
      { examples: 15, phases: ['examples', 'coverage', 'fuzzing'] },
    )
    expect(result.passed, result.report).toBe(true)
    expect(result.report).toMatch(/No issues found/)
  })

  it('finds nothing with a token that may do everything', async () => {
    const phases = ['examples', 'coverage', 'fuzzing', 'stateful']
    const result = await fuzz(fuzzer, service, { examples: 60, phases })
    expect(result.passed, result.report).toBe(true)
    expect(result.report).toMatch(/No issues found/)
  })

  it('bites: an answer without a field that the document promises, and a status that it has not', async () => {
    const document = JSON.parse(readFileSync(join(root, 'openapi.json'), 'utf8'))
    document.components.schemas.Health.required.push('mood')
    delete document.paths['/verify'].post.responses['422']
    document.paths = { '/health': document.paths['/health'], '/verify': { post: document.paths['/verify'].post } }
    delete document.paths['/verify'].post.responses['202'].links
    const file = join(folder, 'openapi-of-another.json')
    writeFileSync(file, JSON.stringify(document))
    const result = await fuzz(fuzzer, service, { examples: 5, phases: ['coverage'], document: file })
    expect(result.passed, result.report).toBe(false)
    expect(result.report).toMatch(/"mood" is a required property/)
    expect(result.report).toMatch(/Undocumented status code/)
  })
})

describe('the docs page in a browser', () => {
  const missing =
    'Chromium is not installed (Debian, Ubuntu: sudo apt install chromium); the docs page is not looked at'
  let browser: Browser | undefined

  beforeAll(async () => {
    mkdirSync(screenshotFolder, { recursive: true })
    const path = findChromium()
    if (path === undefined && process.env.CI) throw new Error(missing)
    if (path !== undefined) browser = await startBrowser(path)
    const posted = await postDocument(service, { user_id: 'reader', network: 'ethereum', document: samples.card })
    expect(posted.status).toBe(202)
    await waitForWallet(service, 'reader', 'ethereum')
  })

  afterAll(async () => await browser?.close())

  const authorise = async (page: Page, token: string) => {
    await page.getByRole('button', { name: 'Authorize' }).first().click()
    await page.locator('.modal-ux input').fill(token)
    await page.locator('.modal-ux button[type=submit]').click()
    await page.locator('.modal-ux .btn-done').click()
  }
  const open = async (page: Page, operation: string) => {
    const block = page.locator(`.opblock[id$="-${operation}"]`)
    await block.locator('.opblock-summary-control').click()
    return block
  }

  it.for([
    ['desktop', { width: 1280, height: 900 }],
    ['phone', { width: 390, height: 844 }],
  ] as const)('%s: a person authorises, runs GET /wallet and sees the address', async ([name, viewport], context) => {
    if (!browser) return context.skip(missing)
    const { page, context: session, faults } = await visit(browser, `${stack.api_url}/api/docs`, viewport)
    await page.locator('.opblock').first().waitFor()
    await page.screenshot({ path: join(screenshotFolder, `${name}-page.png`) })
    await authorise(page, (await openApi(stack, state, { user: 'reader' })).token)
    const block = await open(page, 'getWallets')
    await block.locator('[data-param-name=user_id] input').fill('reader')
    await block.locator('[data-param-name=network] select').selectOption('ethereum')
    await block.locator('.execute').click()
    const answer = block.locator('.live-responses-table tbody')
    await answer.getByText('"wallet_address"').waitFor()
    const { body } = await waitForWallet(service, 'reader', 'ethereum')
    expect(await answer.innerText()).toContain(String(body.wallet_address))
    await answer.scrollIntoViewIfNeeded()
    await page.screenshot({ path: join(screenshotFolder, `${name}-answer.png`) })
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(viewport.width)
    expect(await faults()).toEqual([])
    await session.close()
  })

  it('has nothing that axe calls serious, all of it opened, and the dialogue too', async (context) => {
    if (!browser) return context.skip(missing)
    const { page, context: session } = await visit(browser, `${stack.api_url}/api/docs`, { width: 1280, height: 900 })
    await page.locator('.opblock').first().waitFor()
    const closed = '.opblock-summary-control[aria-expanded=false], .models button[aria-expanded=false]'
    for (let left = 1; left > 0; ) {
      left = await page.evaluate<number>(`{
        const buttons = document.querySelectorAll('${closed}')
        for (const button of buttons) button.click()
        buttons.length
      }`)
      await page.waitForTimeout(200)
    }
    expect(await findBarriers(page)).toEqual([])
    await page.getByRole('button', { name: 'Authorize' }).first().click()
    await page.locator('.modal-ux input').waitFor()
    expect(await findBarriers(page)).toEqual([])
    await session.close()
  })

  it('works below the name of a stage, as API Gateway serves it', async (context) => {
    if (!browser) return context.skip(missing)
    const outputs: Record<string, Record<string, string>> = JSON.parse(
      readFileSync(join(state, 'outputs.json'), 'utf8'),
    )
    const { ApiId, ApiStage } = Object.assign({}, ...Object.values(outputs)) as Record<string, string>
    const url = `${stack.emulator_url}/_aws/execute-api/${ApiId}/${ApiStage}`
    const { page, context: session, faults } = await visit(browser, `${url}/api/docs`, { width: 1280, height: 900 })
    const block = await open(page, 'getHealth')
    await block.locator('.execute').click()
    await block.locator('.live-responses-table tbody').getByText('"status"').waitFor()
    expect(await block.locator('.request-url').innerText()).toContain(`${url}/health`)
    expect(await faults()).toEqual([])
    await session.close()
  })
})

describeLoad({ state, folder, screenshotFolder })

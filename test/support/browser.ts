// A real browser: the system's Chromium, driven by Playwright. Playwright's own browsers are not fetched.
import { accessSync, constants, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, join } from 'node:path'
import type { AxeResults } from 'axe-core'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'

/** Where Chromium is; undefined when it is not installed. */
export function findChromium(): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter)
  const candidates = ['chromium', 'chromium-browser', 'google-chrome'].flatMap((name) =>
    folders.map((folder) => join(folder, name)),
  )
  return candidates.find((path) => {
    try {
      accessSync(path, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

export async function startBrowser(executablePath: string): Promise<Browser> {
  // Chromium has no sandbox for root, as whom containers run.
  return await chromium.launch({ executablePath, args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] })
}

export type Visit = {
  readonly page: Page
  readonly context: BrowserContext
  /** What the page asked other hosts for, said on its console, failed at, or was refused by its policy. */
  readonly faults: () => Promise<readonly string[]>
}

/** Opens a page of that width and height, and watches it. */
export async function visit(
  browser: Browser,
  url: string,
  viewport: { width: number; height: number },
): Promise<Visit> {
  const isPhone = viewport.width < 640
  const context = await browser.newContext({ viewport, isMobile: isPhone, hasTouch: isPhone })
  // Of each step; the test's own bound is for all of them.
  context.setDefaultTimeout(120_000)
  const page = await context.newPage()
  const faults: string[] = []
  page.on('console', (message) => faults.push(`console: ${message.text()}`))
  page.on('pageerror', (error) => faults.push(`error: ${error.message}`))
  page.on('request', (request) => {
    const isOurs = request.url().startsWith(`${new URL(url).origin}/`) || request.url().startsWith('data:')
    if (!isOurs) faults.push(`asked for ${request.url()}`)
  })
  await page.addInitScript(`
    window.refused = []
    document.addEventListener('securitypolicyviolation', (event) => {
      window.refused.push('refused by policy: ' + event.violatedDirective + ' ' + event.blockedURI + ' ' + event.sample)
    })`)
  await page.goto(url)
  return { page, context, faults: async () => [...faults, ...(await page.evaluate<string[]>('window.refused'))] }
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** What axe calls serious or critical, one line a kind with some of the elements. */
export async function findBarriers(page: Page): Promise<readonly string[]> {
  await page.evaluate(axe)
  const { violations } = await page.evaluate<AxeResults>('axe.run()')
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, impact, nodes }) => `${impact} ${id}: ${nodes.slice(0, 5).map(({ html }) => html.slice(0, 200))}`)
}

// `npm run load` against a stack that runs: the verdict, and the report as a person opens it.

import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findBarriers, findChromium, startBrowser, visit } from '../support/browser.ts'
import { type CommandResult, runProgram } from '../support/commands.ts'

type Context = { readonly state: string; readonly folder: string; readonly screenshotFolder: string }

const program = join(import.meta.dirname, '..', '..', 'bench', 'load.ts')

export function describeLoad({ state, folder, screenshotFolder }: Context): void {
  describe('npm run load', () => {
    const missing = 'Chromium is not installed (Debian, Ubuntu: sudo apt install chromium); the report is not looked at'
    const report = join(folder, 'load.html')
    let result: CommandResult
    let server: Server
    let browser: Browser | undefined

    beforeAll(async () => {
      const flags = ['--state', state, '--users', '5', '--rate', '2', '--duration', '5s', '--report', report]
      result = await runProgram(process.execPath, [program, ...flags], '')
      server = createServer((_, answer) => answer.setHeader('content-type', 'text/html').end(readFileSync(report)))
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      const path = findChromium()
      if (path === undefined && process.env.CI) throw new Error(missing)
      if (path !== undefined) browser = await startBrowser(path)
    })

    afterAll(async () => {
      await browser?.close()
      server?.close()
    })

    it('sends ten documents, and sees ten wallets', () => {
      expect(result).toMatchObject({ status: 0 })
      expect(result.stdout).toContain('Everything that must hold held.')
      expect(result.stdout).toContain('The API answered 10 x 202; expected 202 alone.')
      expect(result.stdout).toContain('Of 10 wallets that a 202 promised, none are missing.')
    })

    it.for([
      ['desktop', { width: 1280, height: 900 }],
      ['phone', { width: 390, height: 844 }],
    ] as const)(
      '%s: the report draws each chart, asks nobody, and shuts nobody out',
      async ([name, viewport], context) => {
        if (!browser) return context.skip(missing)
        const { port } = server.address() as AddressInfo
        const { page, context: session, faults } = await visit(browser, `http://127.0.0.1:${port}/`, viewport)
        // Six, where the memory of processes is known.
        const charts = process.platform === 'linux' ? 6 : 4
        await expect.poll(() => page.locator('.plot canvas').count()).toBe(charts)
        expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(viewport.width)
        await page.screenshot({ path: join(screenshotFolder, `${name}-load.png`), fullPage: true })
        expect(await findBarriers(page)).toEqual([])
        expect(await faults()).toEqual([])
        await session.close()
      },
    )
  })
}

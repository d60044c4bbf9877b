// Whoever changes what documents are judged by is asked here whether the version of the rules has to be raised.
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'esbuild'
import { expect, it } from 'vitest'
import { rulesVersion } from '../../functions/inspect/rules-version.ts'
import { substitutes } from '../../functions/inspect/substitute-fonts.ts'

const root = join(import.meta.dirname, '..', '..')

/** Of all code that an inspection runs, comments and names apart, and of the versions of the decoders and fonts. */
async function hashRules(): Promise<string> {
  const { outputFiles } = await build({
    ...{ absWorkingDir: root, entryPoints: ['functions/inspect/inspect-document.ts'], write: false },
    ...{ bundle: true, minify: true, platform: 'node', format: 'esm', packages: 'external', legalComments: 'none' },
    external: ['./rules-version.ts'],
  })
  const { dependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
  const fonts = substitutes.map((font) => font.package)
  const decoders = ['sharp', '@hyzyla/pdfium', 'file-type', ...fonts].map((name) => `${name}@${dependencies[name]}`)
  return createHash('sha256')
    .update([...outputFiles.map(({ text }) => text), ...decoders].join('\n'))
    .digest('hex')
    .slice(0, 16)
}

it('the rules are those of their version: raise rulesVersion when a document could be judged otherwise, then run this with -u', async () => {
  expect(`version ${rulesVersion}: ${await hashRules()}`).toMatchInlineSnapshot(`"version 13: 1d90fe9112f274c0"`)
})

// The pages: every link leads to a file that is there, every anchor to a heading, and what is named as a file of ours is one.
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { expect, it } from 'vitest'

const root = join(import.meta.dirname, '../..')
const pages = globSync('{*,docs/*}.md', { cwd: root })

/** Without what is shown as code of its own. */
const read = (page: string) => readFileSync(join(root, page), 'utf8').replaceAll(/^ *```[\s\S]*?^ *```/gm, '')

/** As GitHub makes it of a heading. */
const toAnchor = (heading: string) =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(/\s/g, '-')
const anchorsOf = (page: string) => [...read(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => toAnchor(heading))

it.each(pages)('%s', (page) => {
  const links = [...read(page).matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)/g)]
  const broken = links.filter(([, path, anchor]) => {
    const target = path ? normalize(join(dirname(page), path)) : page
    return !existsSync(join(root, target)) || (anchor !== undefined && !anchorsOf(target).includes(anchor))
  })
  expect(broken.map(([link]) => link)).toEqual([])

  const files = [...read(page).matchAll(/`((?:bin|lib|functions|shared|local|test|bench|docs)\/[\w./-]+)`/g)]
  // Words in capitals stand for a name.
  const missing = files.filter(([, path = '']) => !/[A-Z]{4}/.test(path) && !existsSync(join(root, path)))
  expect(missing.map(([, path]) => path)).toEqual([])
})

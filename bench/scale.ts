// What 1, 100 and 2,000 million users need: `npm run bench -- scale` prints the tables of docs/scale.md; `-- scale --write`
// puts them there. Arithmetic and a simulation on figures of `scale-costs.ts`: nothing is measured, the same comes out each time.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { blocks, fillPage } from './scale-page.ts'

const { values } = parseArgs({ options: { write: { type: 'boolean', default: false } } })
const path = join(import.meta.dirname, '../docs/scale.md')
if (values.write) writeFileSync(path, fillPage(readFileSync(path, 'utf8')))
else for (const [name, make] of Object.entries(blocks)) console.log(`${name}\n\n${make()}\n`)

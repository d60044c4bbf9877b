// `npm run openapi`: writes the contract of the API, for programs (`openapi.json`) and for TypeScript (`openapi.d.ts`).
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { printContract } from './openapi-document.ts'

for (const [name, text] of Object.entries(printContract())) {
  await writeFile(join(import.meta.dirname, '..', name), text)
}

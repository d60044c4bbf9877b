// Writing a file so that readers see the old content or the new, whenever this process is killed.
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Writes beside the file and renames; `mode` as of chmod. */
export async function writeFileAtomically(path: string, text: string, mode = 0o644): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const temporary = `${path}.${process.pid}`
  await writeFile(temporary, text, { mode })
  await rename(temporary, path)
}

// Log files of child processes: kept from growing without bound, read from the end, followed.
import { mkdir, open, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const maximumBytes = 16 * 1024 * 1024

/** The path of a log in `stateFolder/logs`, and how long the file is now. A file that has grown large becomes `.1`. */
export async function prepareLog(stateFolder: string, name: string): Promise<{ path: string; length: number }> {
  const folder = join(stateFolder, 'logs')
  await mkdir(folder, { recursive: true })
  const path = join(folder, `${name}.log`)
  const length = await stat(path).then(
    ({ size }) => size,
    () => 0,
  )
  if (length <= maximumBytes) return { path, length }
  await rename(path, `${path}.1`)
  return { path, length: 0 }
}

/** The last lines of a file, of what was written from a byte position on. */
export async function readTail(path: string, from = 0, lines = 20): Promise<string> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    const start = Math.max(from, size - 64 * 1024)
    const { bytesRead, buffer } = await file.read(Buffer.alloc(Math.max(0, size - start)), 0, undefined, start)
    return buffer.toString('utf8', 0, bytesRead).trimEnd().split('\n').slice(-lines).join('\n')
  } finally {
    await file.close()
  }
}

/** Calls `onLine` for each whole line that is written from a byte position on, until it is stopped. */
export function followFile(path: string, from: number, onLine: (line: string) => void): { stop(): Promise<void> } {
  const buffer = Buffer.alloc(64 * 1024)
  let position = from
  let rest = Buffer.alloc(0)

  async function readOn() {
    const file = await open(path, 'r').catch(() => undefined)
    if (file === undefined) return
    try {
      for (;;) {
        const { bytesRead } = await file.read(buffer, 0, buffer.length, position)
        if (bytesRead === 0) return
        position += bytesRead
        rest = Buffer.concat([rest, buffer.subarray(0, bytesRead)])
        const end = rest.lastIndexOf(0x0a)
        if (end === -1) continue
        const text = rest.toString('utf8', 0, end)
        rest = rest.subarray(end + 1)
        for (const line of text.split('\n')) onLine(line)
      }
    } finally {
      await file.close()
    }
  }

  const stopping = new AbortController()
  const done = (async () => {
    while (!stopping.signal.aborted) {
      await readOn()
      await sleep(200, undefined, { signal: stopping.signal }).catch(() => undefined)
    }
    await readOn()
  })()
  return {
    stop: async () => {
      stopping.abort()
      await done
    },
  }
}

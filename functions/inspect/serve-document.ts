// The parser's side of the pipes: one document comes on standard input, frames go to file descriptor 3.
import { readFileSync, writeSync } from 'node:fs'
import { type FrameKind, makeFrameHead } from './frames.ts'
import type { InspectedDocument } from './inspect-document.ts'

const [documents, answers] = [0, 3]

function say(kind: FrameKind, bytes: Uint8Array = new Uint8Array()): void {
  for (const part of [makeFrameHead(kind, bytes.length), bytes]) {
    for (let start = 0; start < part.length; ) start += writeSync(answers, part, start)
  }
}

/** Waits for the document, has it inspected, and answers. What is thrown ends the process. */
export async function serveDocument(
  inspect: (bytes: Uint8Array, onCheck: (name: string) => void) => Promise<InspectedDocument>,
): Promise<void> {
  try {
    say('ready')
    const onCheck = (name: string) => say('check', Buffer.from(name))
    const { makeCleanCopy, ...inspection } = await inspect(readFileSync(documents), onCheck)
    if (makeCleanCopy) onCheck('clean_copy')
    const copy = await makeCleanCopy?.()
    if (copy) say('copy', copy.bytes)
    const { maxRSS: peakKilobytes, userCPUTime, systemCPUTime } = process.resourceUsage()
    const usage = { peakKilobytes, cpuMilliseconds: Math.round((userCPUTime + systemCPUTime) / 1000) }
    say('answer', Buffer.from(JSON.stringify({ inspection, copyMediaType: copy?.mediaType ?? null, usage })))
  } catch (error) {
    if (error instanceof Error && /memory|allocation/i.test(error.message)) say('memory')
    throw error
  }
}

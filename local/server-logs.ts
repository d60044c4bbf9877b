// Follows the logs of the servers, of which only what may need a person is told; the rest is in their files.
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { followFile } from './log-file.ts'
import type { LogLine } from './stack-log.ts'

/** By the name of the log: which lines are told, and the rest of such a line after what the merged log says itself. */
const patterns = {
  postgres: /^\S+ \S+ \S+ \[\d+\] (WARNING|ERROR|FATAL|PANIC): +(.*)/,
  kafka: /^\[[^\]]*\] (WARN|ERROR|FATAL) (.*)/,
  emulator: /^\S+ \S+ (WARNING|ERROR|CRITICAL) (.*)/,
} as const

/** Follows from now on, until it is stopped. A server whose log is not there is another one's, and not followed. */
export async function followServerLogs(
  logFolder: string,
  onLine: (component: string, line: LogLine) => void,
): Promise<{ stop(): Promise<void> }> {
  const followers = await Promise.all(
    Object.entries(patterns).map(async ([component, pattern]) => {
      const path = join(logFolder, `${component}.log`)
      const length = await stat(path).then(
        ({ size }) => size,
        () => 0,
      )
      return followFile(path, length, (text) => {
        const match = pattern.exec(text)
        if (match === null) return
        onLine(component, { level: match[1]?.startsWith('WARN') ? 'warn' : 'error', message: match[2] ?? '' })
      })
    }),
  )
  return { stop: async () => void (await Promise.all(followers.map((follower) => follower.stop()))) }
}

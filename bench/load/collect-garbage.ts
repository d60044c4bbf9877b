// Has the Node processes of a stack throw away what they no longer need, so that what is left can be judged: at a low rate
// Node sees no reason to collect, and what grows is garbage. By the inspector, which every Node opens when it is asked.
import { readlinkSync } from 'node:fs'
import { basename } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import * as z from 'zod'

/** Where Node's inspector listens when SIGUSR1 opens it: one process at a time. */
const inspector = 'http://127.0.0.1:9229/json/list'
/** Milliseconds within which a process opens, collects and closes; a tenth of that is usual. */
const longest = 5000
const every = 10

const targetsSchema = z.tuple([z.object({ webSocketDebuggerUrl: z.string() })])
const answerSchema = z.object({ id: z.number().optional() })

const findTarget = async (): Promise<string | undefined> => {
  const answer = await fetch(inspector).catch(() => undefined)
  return answer && targetsSchema.parse(await answer.json())[0].webSocketDebuggerUrl
}

/** Looks until there is a target, or until there is none. */
async function waitForTarget(isExpected: boolean): Promise<string | undefined> {
  const end = performance.now() + longest
  while (performance.now() < end) {
    const target = await findTarget()
    if ((target !== undefined) === isExpected) return target
    await pause(every)
  }
  throw new Error(`expected ${inspector} to ${isExpected ? 'answer' : 'be closed'} within ${longest} ms`)
}

/** Calls a method of the Chrome DevTools Protocol. */
async function call(socket: WebSocket, id: number, method: string, parameters: object = {}): Promise<void> {
  const answered = new Promise<void>((resolve, reject) => {
    socket.addEventListener('message', ({ data }) => {
      if (answerSchema.parse(JSON.parse(String(data))).id === id) resolve()
    })
    socket.addEventListener('close', () => reject(new Error(`the process ended before ${method} was answered`)))
  })
  socket.send(JSON.stringify({ id, method, params: parameters }))
  await answered
}

async function collectIn(pid: number): Promise<void> {
  process.kill(pid, 'SIGUSR1')
  const target = await waitForTarget(true)
  if (target === undefined) return
  const socket = new WebSocket(target)
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener('open', () => resolve())
    socket.addEventListener('error', () => reject(new Error(`the inspector of process ${pid} was not reached`)))
  })
  await call(socket, 1, 'HeapProfiler.collectGarbage')
  // It closes when this answer is away: closing waits for whoever is connected.
  const expression = `setTimeout(() => process.getBuiltinModule('node:inspector').close(), ${every})`
  await call(socket, 2, 'Runtime.evaluate', { expression })
  socket.close()
  await waitForTarget(false)
}

/** Whether it is a Node: SIGUSR1 ends whatever does not know it. */
function isNode(pid: number): boolean {
  try {
    return basename(readlinkSync(`/proc/${pid}/exe`)) === 'node'
  } catch {
    return false
  }
}

/**
 * Collects in that process, if it is a Node. One that ends meanwhile is nobody's fault.
 *
 * @throws when somebody else's inspector listens where its own would
 */
export async function collectGarbage(pid: number): Promise<void> {
  if (!isNode(pid)) return
  if (await findTarget()) throw new Error(`expected nobody to listen at ${inspector}; a debugger does`)
  await collectIn(pid).catch((error: unknown) => {
    if (isNode(pid)) throw error
  })
}

// The demonstration: three documents of three people in, three wallets out, through the front door as any client would.
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import * as z from 'zod'
import { describe, LocalError } from './local-error.ts'
import { readTail } from './log-file.ts'

const samples = [
  { user: 'alice', network: 'ethereum', file: 'photo.jpg' },
  { user: 'bob', network: 'bitcoin', file: 'card.png' },
  { user: 'carol', network: 'tron', file: 'letter.pdf' },
] as const

type Sample = (typeof samples)[number]

/** What is shown of one sample. */
type Row = {
  readonly sample: Sample
  readonly address: string
  readonly path: string
  /** From the POST to the readable wallet, in milliseconds. */
  readonly milliseconds: number
  /** Whether an earlier start had issued it already. */
  readonly earlier: boolean
}

const walletSchema = z.object({ wallet_address: z.string(), derivation_path: z.string() })
const verificationSchema = z.object({ verification_id: z.string() })
const statusSchema = z.object({ status: z.string(), reasons: z.array(z.object({ message: z.string() })) })

/** Where a sample document lies. */
export function findSample(file: string): URL {
  return new URL(`../test/fixtures/${file}`, import.meta.url)
}

/**
 * Runs it and prints the table. The wallets of an earlier start are the same again: the same upload has the same answer.
 *
 * @param options.boundMilliseconds for each wallet
 * @throws {LocalError} saying for whom there is no wallet, and why
 */
export async function runDemonstration(options: {
  readonly apiUrl: string
  /** An access token of a user. */
  readonly issueToken: (user: string) => Promise<string>
  readonly say: (text: string) => void
  readonly signal: AbortSignal
  readonly boundMilliseconds: number
  /** Where the functions' log is, for the message of a failure. */
  readonly logFile: string
}): Promise<void> {
  const outcomes = await Promise.allSettled(samples.map((sample) => demonstrate(sample, options)))
  options.signal.throwIfAborted()
  const rows = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
  if (rows.length > 0) options.say(formatTable(rows))
  const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [describe(outcome.reason)] : []))
  if (failures.length === 0) return
  const tail = await readTail(options.logFile).catch(() => '')
  throw new LocalError(failures.join('\n'), { logFile: options.logFile, tail })
}

async function demonstrate(
  sample: Sample,
  { apiUrl, issueToken, signal, boundMilliseconds }: Parameters<typeof runDemonstration>[0],
): Promise<Row> {
  const { user, network, file } = sample
  const token = await issueToken(user)
  const ask = (path: string, body?: unknown) => send(`${apiUrl}${path}`, { token, signal, body })
  const readWallet = () => ask(`/wallet/${user}?network=${network}`)
  const earlier = (await readWallet()).status === 200

  const document = (await readFile(findSample(file))).toString('base64')
  const started = performance.now()
  const posted = await ask('/verify', { user_id: user, network, document })
  if (posted.status !== 202) throw new LocalError(`${user}: expected 202 from POST /verify; ${tell(posted)}`)
  const { verification_id } = verificationSchema.parse(posted.body)

  for (;;) {
    const wallet = await readWallet()
    const milliseconds = performance.now() - started
    if (wallet.status === 200) {
      const { wallet_address, derivation_path } = walletSchema.parse(wallet.body)
      return { sample, address: wallet_address, path: derivation_path, milliseconds, earlier }
    }
    if (wallet.status !== 404 && wallet.status !== 503) {
      throw new LocalError(`${user}: expected 200 or 404 from GET /wallet/${user}; ${tell(wallet)}`)
    }
    const verification = await ask(`/verify/${verification_id}`)
    const { status, reasons } =
      verification.status === 200 ? statusSchema.parse(verification.body) : { status: 'unknown', reasons: [] }
    if (status === 'rejected' || status === 'expired') {
      const why = reasons.map(({ message }) => message).join('; ')
      throw new LocalError(`${user}: the document ${file} was ${status}: ${why}`)
    }
    if (milliseconds > boundMilliseconds) {
      const waited = `${Math.round(milliseconds / 1000)} s`
      throw new LocalError(`${user}: no ${network} wallet after ${waited}; the verification is ${status}`)
    }
    await sleep(250, undefined, { signal })
  }
}

type Answer = { readonly status: number; readonly body: unknown }

async function send(
  url: string,
  { token, signal, body }: { readonly token: string; readonly signal: AbortSignal; readonly body: unknown },
): Promise<Answer> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const post = { method: 'POST', body: JSON.stringify(body) }
  const answer = await fetch(url, { ...(body === undefined ? {} : post), headers, signal })
  const text = await answer.text()
  try {
    return { status: answer.status, body: JSON.parse(text) }
  } catch {
    return { status: answer.status, body: text }
  }
}

function tell({ status, body }: Answer): string {
  return `got ${status} ${JSON.stringify(body).slice(0, 300)}`
}

function formatTable(rows: readonly Row[]): string {
  const cells = rows.map(({ sample, address, path, milliseconds, earlier }) => {
    const time = earlier ? 'issued by an earlier start' : `${(milliseconds / 1000).toFixed(1)} s`
    return [sample.user, sample.network, address, path, time]
  })
  const table = [['user', 'network', 'address', 'path', 'time'], ...cells]
  const widths = (table[0] ?? []).map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)))
  return table
    .map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd())
    .join('\n')
}

// The issuer's key set over HTTPS, by Node's own client. `fetch` follows redirects unless it is told, takes three times as long the
// first time, and keeps 15 MB when V8 has optimised its parser, which it does behind a few calls.
import http, { type IncomingMessage } from 'node:http'
import https from 'node:https'

/** A key set has a few keys of a few hundred bytes. */
const largestKeySet = 64 * 1024
const deadline = 3000

function request(url: string, abortSignal: AbortSignal): Promise<IncomingMessage> {
  const { get } = url.startsWith('https:') ? https : http
  // Ten minutes lie between two calls: a connection that is kept would be closed by then.
  return new Promise((resolve, reject) => {
    get(url, { agent: false, signal: abortSignal, headers: { accept: 'application/json' } }, resolve).on(
      'error',
      reject,
    )
  })
}

/**
 * The text of the key set at that address, within three seconds.
 *
 * @throws {TypeError} when the answer is not 200, which a redirect is not either, is longer than 64 KiB, or no UTF-8
 * @throws what Node's client rejects with when there is no whole answer
 */
export async function fetchKeySet(url: string, milliseconds = deadline): Promise<string> {
  const abortSignal = AbortSignal.timeout(milliseconds)
  const answer = await request(url, abortSignal)
  try {
    // What redirects is not where the stage table says that the keys are.
    if (answer.statusCode !== 200) {
      throw new TypeError(`expected 200 from the issuer's key set; got ${answer.statusCode}`)
    }
    const chunks: Buffer[] = []
    let length = 0
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      length += chunk.length
      if (length > largestKeySet) throw new TypeError(`expected a key set of at most ${largestKeySet} bytes`)
      chunks.push(chunk)
    }
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks))
  } finally {
    answer.destroy()
  }
}

// What is written to the log, field by field, and the beats that tell GET /health of a part.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createBeat, type Heartbeat } from '../../shared/heartbeats.ts'
import { createLog, type LogFields } from '../../shared/log.ts'
import { noon } from '../support/fakes.ts'

let written = ''
beforeEach(() => {
  written = ''
  const keep = (chunk: unknown) => {
    written += String(chunk)
    return true
  }
  vi.spyOn(process.stdout, 'write').mockImplementation(keep)
  vi.spyOn(process.stderr, 'write').mockImplementation(keep)
})
afterEach(() => {
  vi.restoreAllMocks()
})

type Line = Record<string, unknown> & { readonly error?: Record<string, unknown> }

function write(level: 'info' | 'warn' | 'error', message: string, fields?: LogFields): Line {
  createLog('test')[level](message, fields)
  const lines = written.trimEnd().split('\n')
  expect(lines).toHaveLength(1)
  return JSON.parse(lines[0] ?? '') as Line
}

/** What Powertools adds to every line; in Lambda also `xray_trace_id`. */
const added = ['level', 'message', 'sampling_rate', 'service', 'timestamp']

describe('a line', () => {
  it.each(['info', 'warn', 'error'] as const)('of %s is one JSON object on one line', (level) => {
    const line = write(level, 'a\nmessage', { request_id: 'request-1', count: 2, network: 'tron' })
    expect(line).toMatchObject({
      level: level.toUpperCase(),
      message: 'a\nmessage',
      service: 'test',
      request_id: 'request-1',
      count: 2,
      network: 'tron',
    })
    expect(Object.keys(line).toSorted()).toEqual([...added, 'count', 'network', 'request_id'].toSorted())
    expect(new Date(String(line.timestamp)).getTime()).not.toBeNaN()
  })

  it('without fields has no more than what Powertools adds', () => {
    expect(Object.keys(write('info', 'message')).toSorted()).toEqual(added)
  })

  it('leaves out what is undefined', () => {
    expect(write('info', 'message', { request_id: undefined })).not.toHaveProperty('request_id')
  })
})

describe('an error in a line', () => {
  it('tells names, messages, codes and stacks along its causes, and nothing else', () => {
    const secret = 'correct-horse-battery-staple'
    const cause = Object.assign(new RangeError('the cause'), { mnemonic: secret, query: secret, code: '23505' })
    const error = Object.assign(new TypeError('the error', { cause }), {
      code: 'ECONNRESET',
      password: secret,
      detail: `Key (user_id)=(${secret})`,
      parameters: [secret],
      nested: { token: secret },
      toJSON: () => ({ secret }),
    })
    const line = write('error', 'failed', { error })
    expect(Object.keys(line).toSorted()).toEqual([...added, 'error'].toSorted())
    expect(line.error).toEqual({
      name: 'TypeError',
      message: 'the error',
      code: 'ECONNRESET',
      stack: expect.stringContaining('the error'),
      cause: { name: 'RangeError', message: 'the cause', code: '23505', stack: expect.stringContaining('the cause') },
    })
    expect(written).not.toContain(secret)
  })

  it.each([
    ['a string', 'correct-horse', 'string'],
    ['an object', { password: 'correct-horse' }, 'object'],
    ['null', null, 'object'],
    // Of a form that no timestamp of the line has.
    ['a number', 4242424242424242, 'number'],
  ])('that is no error but %s tells its type only', (_name, error, name) => {
    expect(write('error', 'failed', { error }).error).toEqual({ name })
    expect(written).not.toMatch(/correct-horse|4242424242424242/)
  })

  it('a cause that is no error tells its type only', () => {
    const error = new Error('the error', { cause: { password: 'correct-horse' } })
    expect(write('error', 'failed', { error }).error).toMatchObject({ cause: { name: 'object' } })
    expect(written).not.toContain('correct-horse')
  })

  it('a code that is no text is left out', () => {
    const error = Object.assign(new Error('the error'), { code: { password: 'correct-horse' } })
    expect(write('error', 'failed', { error }).error).not.toHaveProperty('code')
  })

  it('causes that go in a circle end', () => {
    const error = new Error('the error')
    error.cause = new Error('its cause', { cause: error })
    const line = write('error', 'failed', { error })
    expect(line.error).toMatchObject({ cause: { message: 'its cause', cause: { message: 'the error' } } })
  })
})

describe('a beat', () => {
  function setUp() {
    const written: Heartbeat[] = []
    let now = noon.getTime()
    let isAway = false
    const beat = createBeat('kafka', {
      now: () => new Date(now),
      write: async (heartbeat) => {
        if (isAway) throw new Error('the database is away')
        written.push(heartbeat)
      },
    })
    return {
      beat,
      written,
      wait: (milliseconds: number) => {
        now += milliseconds
      },
      setAway: (value: boolean) => {
        isAway = value
      },
    }
  }

  it('writes the first, then half a minute later again', async () => {
    const { beat, written, wait } = setUp()
    await beat('ok')
    wait(29_999)
    await beat('ok')
    expect(written).toEqual([{ part: 'kafka', status: 'ok', seenAt: noon }])
    wait(1)
    await beat('ok')
    expect(written).toHaveLength(2)
  })

  it('writes a change at once, both ways', async () => {
    const { beat, written } = setUp()
    await beat('ok')
    await beat('failing')
    await beat('failing')
    await beat('ok')
    expect(written.map(({ status }) => status)).toEqual(['ok', 'failing', 'ok'])
  })

  it('that could not be written fails nothing, and the next one tries again', async () => {
    const { beat, written, setAway } = setUp()
    setAway(true)
    await expect(beat('ok')).resolves.toBeUndefined()
    setAway(false)
    await beat('ok')
    expect(written).toHaveLength(1)
  })
})

// `npm run inspect`: lines and table, order, files that cannot be read, and a parser that crashes.
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { InputError } from '../../bin/command-line.ts'
import { type FileVerdict, inspectFiles } from '../../bin/inspect-files.ts'
import { formatHead, formatVerdict, planLayout } from '../../bin/inspect-table.ts'
import { maximumBytes } from '../../functions/inspect/reasons.ts'
import { findParserProgram } from '../../functions/inspect/spawn-parser.ts'
import { commandPath, parseLines, runCommand, runProgram } from '../support/commands.ts'
import { samples } from '../support/fixtures.ts'

type Line = { file: string; verdict: string; reasons: { code: string; message: string; retry: boolean }[] }

const folder = mkdtempSync(join(tmpdir(), 'verified-wallets-test-'))
const place = (name: string, bytes: Uint8Array | string) => {
  writeFileSync(join(folder, name), bytes)
  return join(folder, name)
}
const inspect = (...parameters: string[]) => runCommand('inspect', parameters, '')
let files: Record<'photo' | 'letter' | 'note' | 'empty' | 'large' | 'odd', string>

beforeAll(() => {
  files = {
    photo: place('photo.jpg', samples.photo),
    letter: place('letter.pdf', samples.letter),
    note: place('note.jpg', 'This is my passport.'),
    empty: place('empty.png', ''),
    large: place('large.png', Buffer.alloc(maximumBytes + 1)),
    odd: place('-- odd "name" ä.pdf', samples.letter),
  }
  execFileSync('mkfifo', [join(folder, 'pipe')])
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('npm run inspect', () => {
  it('writes a line for each file in their order, the same file twice as well, and answers 0', async () => {
    const given = [files.photo, files.note, files.empty, files.odd, files.large, files.photo]
    const { status, stdout, stderr } = await inspect('--json', ...given)
    const lines = parseLines<Line>(stdout)
    expect(lines.map(({ file }) => file)).toEqual(given)
    expect(lines.map(({ verdict, reasons }) => [verdict, ...reasons.map(({ code }) => code)])).toEqual([
      ['verified'],
      ['rejected', 'unsupported_type'],
      ['rejected', 'empty'],
      ['verified'],
      ['rejected', 'too_large'],
      ['verified'],
    ])
    expect(Object.keys(lines[1] ?? {})).toEqual(['file', 'verdict', 'reasons'])
    expect(Object.keys(lines[1]?.reasons[0] ?? {})).toEqual(['code', 'message', 'retry'])
    expect([status, stderr]).toEqual([0, ''])
  })

  it('judges the others when a file cannot be read, tells of that, and answers 2', async () => {
    const { status, stdout, stderr } = await inspect('--json', join(folder, 'none'), folder, files.letter)
    expect(parseLines<Line>(stdout)).toMatchObject([{ file: files.letter, verdict: 'verified' }])
    expect(parseLines<{ error: { code: string } }>(stderr).map(({ error }) => error.code)).toEqual([
      'unreadable_file',
      'unreadable_file',
    ])
    expect(status).toBe(2)
  })

  it('waits for no pipe that nobody writes to, and says of each file why it cannot be read', async () => {
    const { status, stdout, stderr } = await inspect(
      '--json',
      join(folder, 'pipe'),
      folder,
      'none\ufffd.jpg',
      files.letter,
    )
    expect(parseLines<Line>(stdout)).toMatchObject([{ verdict: 'verified' }])
    const told = parseLines<{ error: { message: string } }>(stderr).map(({ error }) => error.message)
    expect(told).toEqual([
      expect.stringContaining('it is a pipe'),
      expect.stringContaining('it is a folder'),
      expect.stringContaining('is not in UTF-8'),
    ])
    expect(status).toBe(2)
  })

  it('judges what a shell hands over by a pipe, and ends when it is told to, whatever it waits for', async () => {
    const inspecting = [process.execPath, commandPath('inspect'), '--json']
    const handed = await runProgram('sh', ['-c', 'cat "$0" | "$@" /dev/stdin', files.letter, ...inspecting], '')
    expect(parseLines<Line>(handed.stdout)).toMatchObject([{ file: '/dev/stdin', verdict: 'verified' }])
    // Nobody writes, and nobody will: the shell holds the other end open. It says who waits, and how that ended.
    const script = 'exec 9<>"$0"; "$@" /dev/fd/9 & echo $!; wait $!; echo $?'
    const waiting = spawn('sh', ['-c', script, join(folder, 'pipe'), ...inspecting, files.note])
    const lines = createInterface({ input: waiting.stdout })[Symbol.asyncIterator]()
    const pid = Number((await lines.next()).value)
    // The first one is judged: the other is being read.
    expect((await lines.next()).value).toContain('unsupported_type')
    process.kill(pid, 'SIGTERM')
    expect((await lines.next()).value).toBe('143')
  })

  it('prints a table, and takes what follows -- for files', async () => {
    const { status, stdout } = await inspect('--', files.photo, files.note)
    const [head, first, ...others] = stdout.trimEnd().split('\n')
    expect(head).toMatch(/^VERDICT {3}FILE +REASONS$/)
    expect(first).toMatch(/^verified {2}/)
    expect(others.join(' ').replaceAll(/\s+/g, ' ')).toContain('unsupported_type: The document is')
    expect(status).toBe(0)
  })

  it.each([[[]], [['--json']], [['--unknown', 'x']], [['-j', 'x']], [['--json=yes', 'x']]])(
    'is not understood with %j',
    async (given) => {
      const { status, stdout, stderr } = await inspect(...given)
      expect([status, stdout]).toEqual([2, ''])
      expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'invalid_arguments' } })
    },
  )

  it('says what it does when it is asked', async () => {
    expect(await inspect('--help')).toMatchObject({ status: 0, stderr: '', stdout: expect.stringContaining('--json') })
  })
})

describe('a file that makes the parser crash', () => {
  it('is rejected, may be sent again, and holds up no other', async () => {
    const file = fileURLToPath(new URL('../support/planted-parser.ts', import.meta.url))
    const program = { file, readable: [...findParserProgram().readable, file] }
    const given = [files.photo, place('abort', 'abort it'), files.note]
    const taken: [string, FileVerdict | InputError][] = []
    await inspectFiles(
      program,
      given,
      (name) => name,
      async (name, result) => {
        taken.push([name, result])
      },
    )
    expect(taken.map(([name]) => name)).toEqual(given)
    expect(taken.map(([, result]) => (result instanceof InputError ? [] : result.reasons))).toMatchObject([
      [],
      [{ code: 'inspection_failed', retry: true }],
      [{ code: 'unsupported_type', retry: false }],
    ])
  })
})

describe('the table', () => {
  const rejected: FileVerdict = {
    verdict: 'rejected',
    reasons: [
      { code: 'blurred', message: 'The picture is blurred. Hold the camera still.', retry: false },
      { code: 'inspection_failed', message: 'It could not be inspected.', retry: true },
    ],
  }

  it('breaks reasons and names into lines that fit', () => {
    const file = `${'a'.repeat(30)}.pdf`
    const layout = planLayout([file], 72)
    const lines = [...formatHead(layout), ...formatVerdict(layout, file, rejected)]
    expect(lines).toEqual([
      'VERDICT   FILE                      REASONS',
      'rejected  aaaaaaaaaaaaaaaaaaaaaaaa  blurred: The picture is blurred.',
      '          aaaaaa.pdf                Hold the camera still.',
      '                                    inspection_failed: It could not be',
      '                                    inspected. The same file may be sent',
      '                                    again.',
    ])
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(72)
  })

  it('keeps its columns beside names in letters of two columns, and of none', () => {
    const files = ['護照の写し.jpg', 'pas\u0301.jpg', 'passport-photo.jpg']
    const layout = planLayout(files, 100)
    expect(files.map((file) => formatVerdict(layout, file, rejected)[0])).toEqual([
      'rejected  護照の写し.jpg      blurred: The picture is blurred. Hold the camera still.',
      'rejected  pas\u0301.jpg             blurred: The picture is blurred. Hold the camera still.',
      'rejected  passport-photo.jpg  blurred: The picture is blurred. Hold the camera still.',
    ])
    const narrow = planLayout(['護'.repeat(30)], 72)
    const lines = formatVerdict(narrow, '護'.repeat(30), rejected)
    expect(lines.slice(0, 3).map((line) => line.slice(10, 22).trim())).toEqual([
      '護'.repeat(12),
      '護'.repeat(12),
      '護'.repeat(6),
    ])
  })

  it('shows no name that commands the terminal', () => {
    const name = 'a\u001b[31mb\nc\u202egpj.exe'
    const [line] = formatVerdict(planLayout([name], 80), name, { verdict: 'verified', reasons: [] })
    expect(line).toBe('verified  ab?c?gpj.exe')
  })
})

// The table of `npm run inspect`: verdict, file, and under each other the reasons, broken into lines that fit.
import { stripVTControlCharacters } from 'node:util'
import type { FileVerdict } from './inspect-files.ts'

/** Columns of characters. */
export type Layout = { readonly file: number; readonly reasons: number }

const verdictWidth = 'verified'.length
const gap = '  '

/** The file names' column is as wide as they need, up to a third of the whole. */
export function planLayout(files: readonly string[], width: number): Layout {
  const longest = Math.max('FILE'.length, ...files.map((file) => countColumns(toVisible(file))))
  const file = Math.min(longest, Math.max(20, Math.floor(width / 3)))
  return { file, reasons: Math.max(30, width - verdictWidth - file - 2 * gap.length) }
}

export const formatHead = (layout: Layout): readonly string[] => formatRow(layout, 'VERDICT', ['FILE'], ['REASONS'])

export function formatVerdict(layout: Layout, file: string, { verdict, reasons }: FileVerdict): readonly string[] {
  const messages = reasons.flatMap(({ code, message, retry }) => {
    const again = retry ? ' The same file may be sent again.' : ''
    return wrap(`${code}: ${message}${again}`, layout.reasons)
  })
  return formatRow(layout, verdict, wrap(toVisible(file), layout.file), messages)
}

function formatRow(
  layout: Layout,
  verdict: string,
  file: readonly string[],
  reasons: readonly string[],
): readonly string[] {
  return Array.from({ length: Math.max(1, file.length, reasons.length) }, (_, line) =>
    [(line === 0 ? verdict : '').padEnd(verdictWidth), pad(file[line] ?? '', layout.file), reasons[line] ?? '']
      .join(gap)
      .trimEnd(),
  )
}

/** A name may hold what moves the cursor, or shows what stands behind it in another order. */
export const toVisible = (name: string) =>
  stripVTControlCharacters(name).replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu, '?')

const wide =
  /[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\p{Emoji_Presentation}\u3000-\u303f\uff01-\uff60]/u

/** As terminals draw it: letters of China, Japan and Korea take two columns, marks on letters none. */
const countColumns = (text: string) =>
  Array.from(text, (letter) => (/^\p{M}$/u.test(letter) ? 0 : wide.test(letter) ? 2 : 1)).reduce<number>(
    (sum, columns) => sum + columns,
    0,
  )

const pad = (text: string, columns: number) => text + ' '.repeat(Math.max(0, columns - countColumns(text)))

/** Lines of at most so many columns, broken between words, and within one that is longer than a line. */
function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    const joined = line === '' ? word : `${line} ${word}`
    if (countColumns(joined) <= width) {
      line = joined
      continue
    }
    if (line !== '') lines.push(line)
    line = ''
    for (const letter of word) {
      if (countColumns(line + letter) > width) {
        lines.push(line)
        line = ''
      }
      line += letter
    }
  }
  return [...lines, line]
}

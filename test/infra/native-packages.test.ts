// Native packages of another machine: fetched once, believed by the lockfile's hash only. With an `npm` made here.

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { BundleError } from '../../lib/bundle-error.ts'
import { copyNativePackages, type Machine } from '../../lib/native-packages.ts'

const arm: Machine = { os: 'linux', cpu: 'arm64' }
const pathBefore = process.env.PATH
let root: string

/** A repository whose package `picture` is installed, and whose native part is for other machines than this one. */
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'verified-wallets-test-'))
  writePackage(join(root, 'node_modules/picture'), 'picture')
  writePackage(join(root, 'registry/package'), 'of the registry')
  execFileSync('tar', ['-czf', join(root, 'native.tgz'), '-C', join(root, 'registry'), 'package'])
  const archive = readFileSync(join(root, 'native.tgz'))
  writeLockfile(`sha512-${createHash('sha512').update(archive).digest('base64')}`)
  writeNpm(`cp "${join(root, 'native.tgz')}" "$4/native.tgz"`)
})

afterEach(() => {
  process.env.PATH = pathBefore
  rmSync(root, { recursive: true, force: true })
})

function writePackage(folder: string, content: string): void {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'index.js'), content)
}

function writeLockfile(integrity: string): void {
  const native = (cpu: string, libc: string) => ({
    version: '1.2.3',
    os: ['linux'],
    cpu: [cpu],
    libc: [libc],
    integrity,
  })
  const optionalDependencies = { '@native/arm64': '1.2.3', '@native/x64': '1.2.3', '@native/musl-arm64': '1.2.3' }
  const packages = {
    'node_modules/picture': { version: '4.5.6', optionalDependencies },
    'node_modules/@native/arm64': native('arm64', 'glibc'),
    'node_modules/@native/musl-arm64': native('arm64', 'musl'),
    'node_modules/@native/x64': native('x64', 'glibc'),
  }
  writeFileSync(join(root, 'package-lock.json'), JSON.stringify({ packages }))
}

/** Puts an `npm` first in the path: it is called as `npm pack NAME@VERSION --pack-destination FOLDER --silent`. */
function writeNpm(command: string): void {
  const folder = join(root, 'bin')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'npm'), `#!/bin/sh\necho "$1 $2" >> "${join(root, 'asked')}"\n${command}\n`)
  chmodSync(join(folder, 'npm'), 0o755)
  process.env.PATH = `${folder}${delimiter}${pathBefore}`
}

const copy = (machine = arm) => copyNativePackages(root, 'picture', machine, join(root, 'output'))
const asked = () => readFileSync(join(root, 'asked'), 'utf8').trim().split('\n')

test('what is not installed comes from the registry, of that machine with glibc alone, and is asked for once', async () => {
  await copy()
  await copy()
  expect(readdirSync(join(root, 'output'))).toEqual(['@native'])
  expect(readdirSync(join(root, 'output/@native'))).toEqual(['arm64'])
  expect(readFileSync(join(root, 'output/@native/arm64/index.js'), 'utf8')).toBe('of the registry')
  expect(asked()).toEqual(['pack @native/arm64@1.2.3'])
  expect(readdirSync(join(root, '.local/packages'))).toEqual(['@native+arm64@1.2.3'])
})

test('what is installed is taken from there', async () => {
  writePackage(join(root, 'node_modules/@native/x64'), 'installed')
  await copy({ os: 'linux', cpu: 'x64' })
  expect(readFileSync(join(root, 'output/@native/x64/index.js'), 'utf8')).toBe('installed')
  expect(() => asked()).toThrow('ENOENT')
})

test('another content than that of the lockfile is refused, and not kept', async () => {
  writeLockfile('sha512-of-something-else')
  await expect(copy()).rejects.toThrow(BundleError)
  await expect(copy()).rejects.toThrow(
    /expected @native\/arm64@1\.2\.3 with the hash of package-lock\.json.*; got sha512-/,
  )
  expect(readdirSync(join(root, '.local/packages'))).toEqual([])
})

test('without the registry it says what to do', async () => {
  writeNpm('exit 1')
  await expect(copy()).rejects.toThrow(BundleError)
  await expect(copy()).rejects.toThrow('Run this once with a connection to the registry')
  expect(readdirSync(join(root, '.local/packages'))).toEqual([])
})

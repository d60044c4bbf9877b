// PDFium in WASM: an instance for each document, so that no stranger's file meets what another left behind. Its code is
// compiled once, since that is most of what an instance costs. Nothing here runs scripts: the build has no V8 and no XFA.
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { setFlagsFromString } from 'node:v8'
import { PDFiumLibrary } from '@hyzyla/pdfium'

/** In bytes, of one instance: the largest document of 10 MiB five times, and the pixels of its pages. */
const maximumMemory = 512 * 1024 * 1024

// The types of Node have no WebAssembly.
type Module = object
type Table = { set: (index: number, value: unknown) => void }
type Exports = {
  readonly memory: { readonly buffer: ArrayBuffer }
  readonly __indirect_function_table: Table
} & Readonly<Record<string, (...parameters: number[]) => number>>
type Imports = { readonly env: { emscripten_resize_heap: (size: number) => number | boolean } }
declare const WebAssembly: {
  compile(bytes: Uint8Array): Promise<Module>
  Module: new (bytes: Uint8Array) => Module
  Instance: new (module: Module, imports: object) => { readonly exports: object }
}

/** The document needs more memory than an instance is granted: a property of its bytes. */
export class MemoryExceeded extends Error {}

/** The calls of PDFium's public headers (fpdfview.h and its neighbours), and the memory that they work in. */
export type Pdfium = {
  /** @throws MemoryExceeded, or what a trap in the code throws */
  readonly call: (name: string, ...parameters: number[]) => number
  /** Only for as long as nothing is called: memory that grows moves. */
  readonly memory: () => Uint8Array
  readonly allocate: (length: number) => number
  /** Does it while the function of three integers can be called from C, at the address that is given. */
  readonly lend: <Result>(callback: Callback, use: (address: number) => Result) => Result
  /** Has C call the function, of that many integers, in the place of one of its own: that at the address. */
  readonly replace: (address: number, parameters: number, callback: Callback) => void
}
type Callback = (...parameters: number[]) => number

/**
 * Of V8. The largest memory of WebAssembly, in pages of 64 KiB: it takes all addresses at once that it may ever need, and they
 * are bounded. And ten times what V8 waits for before it optimises a function: most documents are done by then, and optimising
 * costs more.
 */
const flags = ['--wasm-max-mem-pages=8192', '--wasm-tiering-budget=130000000']

let compiled: Promise<Module> | undefined

/** Of the file beside the bundle; where there is no bundle, of the one in the package. */
async function compile(): Promise<Module> {
  for (const flag of flags) setFlagsFromString(flag)
  const beside = new URL('./pdfium.wasm', import.meta.url)
  const file = existsSync(beside) ? beside : createRequire(import.meta.url).resolve('@hyzyla/pdfium/pdfium.wasm')
  return await WebAssembly.compile(await readFile(file))
}

/** A new instance. It goes with the last reference to it: nothing of a stranger's is called for its end. */
export async function openPdfium(): Promise<Pdfium> {
  compiled ??= compile()
  // A failure is not remembered.
  compiled.catch(() => {
    compiled = undefined
  })
  const module = await compiled
  let exports: Exports | undefined
  let isExceeded = false
  await PDFiumLibrary.init({
    instantiateWasm: (imports, done: (instance: object, module: Module) => void) => {
      const { env } = imports as unknown as Imports
      const resize = env.emscripten_resize_heap
      env.emscripten_resize_heap = (size) => {
        isExceeded ||= size >>> 0 > maximumMemory
        return isExceeded ? 0 : resize(size)
      }
      const instance = new WebAssembly.Instance(module, imports)
      exports = instance.exports as Exports
      done(instance, module)
      return instance.exports
    },
  })
  if (exports === undefined) throw new Error('expected PDFium to be instantiated')
  return bind(exports, () => isExceeded)
}

function bind(exports: Exports, isExceeded: () => boolean): Pdfium {
  const call = (name: string, ...parameters: number[]): number => {
    const called = exports[name]
    if (called === undefined) throw new Error(`expected PDFium to have ${name}`)
    try {
      // An allocation that failed is not always noticed where it failed.
      const result = called(...parameters)
      if (!isExceeded()) return result
    } catch (error) {
      if (!isExceeded()) throw error
    }
    throw new MemoryExceeded(`expected a document that needs at most ${maximumMemory} bytes`)
  }
  return {
    call,
    memory: () => new Uint8Array(exports.memory.buffer),
    allocate: (length) => {
      const pointer = call('malloc', length)
      if (pointer === 0) throw new MemoryExceeded(`expected ${length} bytes to be free`)
      return pointer
    },
    lend: (callback, use) => {
      // The table of functions cannot grow. Its first place is that of the null pointer, and otherwise empty.
      const table = exports.__indirect_function_table
      table.set(0, wrapForTable(callback, 3))
      try {
        return use(0)
      } finally {
        table.set(0, null)
      }
    },
    replace: (address, parameters, callback) =>
      exports.__indirect_function_table.set(address, wrapForTable(callback, parameters)),
  }
}

/**
 * A table takes functions of WASM alone, so one is made whose only code is that it imports the callback and exports it:
 * the sections type (i32 ...) to i32, import `e` `f`, export `f` (WebAssembly core, 5.5).
 */
function wrapForTable(callback: Callback, parameters: number): unknown {
  const integers = Array.from({ length: parameters }, () => 0x7f)
  const code = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 5 + parameters, 1, 0x60, parameters, ...integers, 1, 0x7f]
  code.push(2, 7, 1, 1, 0x65, 1, 0x66, 0, 0, 7, 5, 1, 1, 0x66, 0, 0)
  const module = new WebAssembly.Module(new Uint8Array(code))
  return (new WebAssembly.Instance(module, { e: { f: callback } }).exports as { f: unknown }).f
}

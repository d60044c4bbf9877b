// PDFium, an instance for each document: memory and state are the instance's own, so no stranger's file meets what another
// left behind. Its code is compiled once, since that is most of what an instance costs.
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { PDFiumLibrary } from '@hyzyla/pdfium'

// The types of Node have no WebAssembly.
type Module = object
declare const WebAssembly: {
  compile(bytes: Uint8Array): Promise<Module>
  Instance: new (module: Module, imports: object) => { readonly exports: object }
}

let compiled: Promise<Module> | undefined

/** Of the file beside the bundle; where there is no bundle, of the one in the package. */
async function compile(): Promise<Module> {
  const beside = new URL('./pdfium.wasm', import.meta.url)
  const file = existsSync(beside) ? beside : createRequire(import.meta.url).resolve('@hyzyla/pdfium/pdfium.wasm')
  return await WebAssembly.compile(await readFile(file))
}

/** A new instance. It goes with the last reference to it: nothing of a stranger's is called for its end. */
export async function openPdfium(): Promise<PDFiumLibrary> {
  compiled ??= compile()
  // A failure is not remembered.
  compiled.catch(() => {
    compiled = undefined
  })
  const module = await compiled
  return await PDFiumLibrary.init({
    instantiateWasm: (imports, done: (instance: object, module: Module) => void) => {
      const instance = new WebAssembly.Instance(module, imports)
      done(instance, module)
      return instance.exports
    },
  })
}

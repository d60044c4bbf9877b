// Looks for secrets in everything that a stack has logged: the run knows them, since it made them.
import { readdirSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { HDKey } from '@scure/bip32'
import * as bip39 from 'bip39'

/** What may be in no log, by what it is. */
export type Secrets = ReadonlyMap<string, string>

/**
 * The secrets of a stack: its phrase, any two words of it that follow each other, entropy and seed, private keys down to the
 * account that every user's path begins with, tokens, the database's password, and what the base64 of each document begins with.
 */
export function listSecrets(options: {
  readonly mnemonic: string
  readonly tokens: readonly string[]
  readonly databaseUrl: string
}): Secrets {
  const { mnemonic } = options
  const secrets = new Map<string, string>()
  const addBytes = (what: string, bytes: Uint8Array) => {
    const buffer = Buffer.from(bytes)
    for (const encoding of ['hex', 'base64', 'base64url'] as const) {
      secrets.set(buffer.toString(encoding).replace(/=+$/, ''), `${what} (${encoding})`)
    }
    secrets.set(JSON.stringify([...bytes]).slice(1, -1), `${what} (numbers)`)
  }
  secrets.set(mnemonic, 'the mnemonic')
  const words = mnemonic.split(' ')
  for (const [at, word] of words.slice(0, -1).entries()) {
    for (const separator of [' ', ',', ', ', '","', '", "']) {
      secrets.set(`${word}${separator}${words[at + 1]}`, 'two words of the mnemonic')
    }
  }
  addBytes('the entropy', Buffer.from(bip39.mnemonicToEntropy(mnemonic), 'hex'))
  const seed = bip39.mnemonicToSeedSync(mnemonic)
  addBytes('the seed', seed)
  const root = HDKey.fromMasterSeed(seed)
  for (const path of ['m', "m/44'", "m/44'/60'", "m/44'/0'", "m/44'/195'", "m/44'/60'/0'", "m/44'/60'/0'/0/0"]) {
    const node = root.derive(path)
    addBytes(`the private key of ${path}`, node.privateKey as Uint8Array)
    secrets.set(node.privateExtendedKey, `the extended private key of ${path}`)
  }
  secrets.set('xprv9', 'an extended private key')
  for (const token of options.tokens) {
    secrets.set(token, 'an access token')
    secrets.set(token.split('.')[2] ?? token, 'the signature of an access token')
  }
  secrets.set(decodeURIComponent(new URL(options.databaseUrl).password), "the database administrator's password")
  // All documents of a run are PNGs: 89 50 4E 47 0D 0A 1A 0A, and the header of one pixel.
  secrets.set(Buffer.from('89504e470d0a1a0a', 'hex').toString('base64').slice(0, 10), 'a document')
  return secrets
}

/** Which secrets are in a text, and where. */
export function findSecrets(text: string, secrets: Secrets): string[] {
  return [...secrets].filter(([secret]) => text.includes(secret)).map(([, what]) => what)
}

/** Reads on in each file of a folder of logs, from where it was the last time. A file that was begun anew is read anew. */
export function createLogScan(folder: string): { readonly scan: (secrets: Secrets) => Promise<string[]> } {
  const positions = new Map<number, number>()
  // What straddles two pieces is in both.
  const overlap = 4096
  return {
    scan: async (secrets) => {
      const found = new Set<string>()
      for (const name of readdirSync(folder)) {
        const file = await open(join(folder, name), 'r')
        try {
          const { ino, size } = await file.stat()
          const buffer = Buffer.alloc(1024 * 1024 + overlap)
          let position = positions.get(ino) ?? 0
          while (position < size) {
            const start = Math.max(0, position - overlap)
            const { bytesRead } = await file.read(buffer, 0, buffer.length, start)
            if (bytesRead === 0) break
            for (const what of findSecrets(buffer.toString('latin1', 0, bytesRead), secrets))
              found.add(`${what} in ${name}`)
            position = start + bytesRead
          }
          positions.set(ino, position)
        } finally {
          await file.close()
        }
      }
      return [...found]
    },
  }
}

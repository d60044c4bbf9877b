// Leaves out of bundles what packages bring and a function never uses: a quarter of most bundles, most of their maps.
// What packages do is not changed; where their sources look different some day, bundles only grow, and budgets tell.
import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import type { Plugin } from 'esbuild'

/**
 * Where credentials may come from, but do not: Lambda gives a function those of its role in its environment, and the
 * SDK looks there first. Each of these is imported when it is asked, after that.
 */
export const unaskedCredentialSources = [
  '@aws-sdk/credential-provider-http',
  '@aws-sdk/credential-provider-ini',
  '@aws-sdk/credential-provider-process',
  '@aws-sdk/credential-provider-sso',
  '@aws-sdk/credential-provider-web-identity',
  '@smithy/credential-provider-imds',
]

/** A source map of a file that has one place: its beginning. */
function mapToBeginning(path: string): string {
  const map = JSON.stringify({ version: 3, sources: [basename(path)], names: [], mappings: 'AAAA' })
  return `\n//# sourceMappingURL=data:application/json;base64,${Buffer.from(map).toString('base64')}`
}

const isSchema = /[/\\]@aws-sdk[/\\].*[/\\]schemas[/\\]schemas_\d+\.js$/

/**
 * Reads packages so that less of them stays. Of their code a stack names the file and no line: Node parses the whole map
 * at each cold start, and one with all lines of the packages is eight times as large.
 */
export const trimPackages: Plugin = {
  name: 'trim-packages',
  setup: ({ onLoad }) => {
    onLoad({ filter: /[/\\]node_modules[/\\].*\.[cm]?js$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8')
      return { contents: (isSchema.test(path) ? writeKeysOut(source) : source) + mapToBeginning(path), loader: 'js' }
    })
  },
}

/**
 * Lets esbuild see that the description of an operation is data: it is written as `{ [_h]: … }`, and a key that is
 * computed could run code, so the descriptions of all operations would stay with those that are called.
 */
function writeKeysOut(source: string): string {
  const strings = new Map(
    [...source.matchAll(/^const (\w+) = ("[^"\\]*");$/gm)].map(([, name, text]) => [name, text] as const),
  )
  return source.replaceAll(/\[(\w+)\]:/g, (key, name: string) => {
    const text = strings.get(name)
    return text === undefined ? key : `${text}:`
  })
}

// Leaves out of bundles what the AWS SDK brings and a function never runs: a quarter of most of them. Nothing of the SDK
// is changed, and where its sources look different some day, bundles only grow, which the budgets of sizes tell.
import { readFile } from 'node:fs/promises'
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

/**
 * Lets esbuild see that the description of an operation is data: it is written as `{ [_h]: … }`, and a key that is
 * computed could run code, so the descriptions of all operations would stay with those that are called.
 */
export const dropUncalledOperations: Plugin = {
  name: 'drop-uncalled-operations',
  setup: ({ onLoad }) => {
    onLoad({ filter: /[/\\]@aws-sdk[/\\].*[/\\]schemas[/\\]schemas_\d+\.js$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8')
      const strings = new Map(
        [...source.matchAll(/^const (\w+) = ("[^"\\]*");$/gm)].map(([, name, text]) => [name, text] as const),
      )
      const contents = source.replaceAll(/\[(\w+)\]:/g, (key, name: string) => {
        const text = strings.get(name)
        return text === undefined ? key : `${text}:`
      })
      return { contents, loader: 'js' }
    })
  },
}

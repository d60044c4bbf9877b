// Both templates of every stage as files, so that a change of the code shows what it changes in the account.
// Renew them with `npx vitest run --project infra test/infra/snapshots.test.ts --update`, and read the difference.
import { expect, test } from 'vitest'
import { stringify } from 'yaml'
import { stageOf, synthesise, type Template } from './templates.ts'

/** What changes with the code of a function, or with any change at all, and says nothing. */
const noise: readonly (readonly [RegExp, string])[] = [
  [/\b[0-9a-f]{64}\b/g, 'HASH'],
  [/(Deployment[0-9A-F]{8})[0-9a-f]{32}/g, '$1HASH'],
  [/(CurrentVersion[0-9A-F]{8})[0-9a-f]{32}/g, '$1HASH'],
]

function toText(template: Template): string {
  const { Parameters: _parameters, Rules: _rules, ...rest } = template as Template & Record<string, unknown>
  const text = stringify(rest, { sortMapEntries: true, lineWidth: 0, aliasDuplicateObjects: false })
  return noise.reduce((result, [pattern, replacement]) => result.replace(pattern, replacement), text)
}

test.each(['local', 'dev', 'prod'] as const)('%s', async (name) => {
  // Of this machine in `local`.
  const { data, service } = synthesise({ ...stageOf(name), architecture: 'arm64' })
  await expect(toText(data)).toMatchFileSnapshot(`snapshots/${name}-data.yaml`)
  await expect(toText(service)).toMatchFileSnapshot(`snapshots/${name}-service.yaml`)
})

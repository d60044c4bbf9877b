// In what the templates of two stages differ, by resource type and property: what must stand in the table of decisions.md.
import type { Resource, Template } from '../infra/templates.ts'

type Stacks = { readonly data: Template; readonly service: Template }

/** The type is in one of the stages only. */
const wholeType = 'all'

type Named = { readonly name: string; readonly account: string }

/** What differs because the stage is another one, in names and addresses, and is no difference to tell of. */
function withoutNames(text: string, { name, account }: Named): string {
  return text
    .replaceAll(account, 'ACCOUNT')
    .replace(new RegExp(`\\b${name}\\b|(?<=wallets|Stage)${name}`, 'g'), 'STAGE')
    .replace(/\b[0-9a-f]{64}\b/g, 'HASH')
    .replace(/(?<=[0-9A-F]{8})[0-9a-f]{32}\b/g, '')
    .replace(/(?<=walletsSTAGE\w+)[0-9A-F]{8}\b/g, '')
}

/** Resources of both stacks by logical id. Where CDK makes an id of the stage's name, its hashes are left out of it. */
function read(stacks: Stacks, stage: Named): [string, Resource][] {
  const all = { ...stacks.data.Resources, ...stacks.service.Resources }
  const ofStage = Object.keys(all).filter((id) => new RegExp(`(wallets|Stage)${stage.name}`).test(id))
  const text = ofStage.reduce(
    (result, id) => result.replaceAll(`"${id}"`, `"${id.replace(/[0-9A-F]{8}/g, '')}"`),
    JSON.stringify(all),
  )
  const resources: [string, Resource][] = Object.entries(JSON.parse(withoutNames(text, stage)))
  if (resources.length !== Object.keys(all).length) throw new Error('expected logical ids that differ by their words')
  return resources
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Properties of a resource by name; variables of a function one by one. */
function toProperties({ Properties = {}, DeletionPolicy, UpdateReplacePolicy }: Resource): Record<string, unknown> {
  const { Environment, ...rest } = Properties as { Environment?: { Variables?: Record<string, unknown> } }
  const variables = isObject(Environment?.Variables) ? Environment.Variables : {}
  return {
    ...rest,
    ...Object.fromEntries(Object.entries(variables).map(([name, value]) => [`Environment.${name}`, value])),
    ...{ DeletionPolicy, UpdateReplacePolicy },
  }
}

const isSame = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other)

/**
 * All differences: of each type `all`, or the names of properties, and of resources that one of the stages lacks.
 *
 * @returns names by type, in the order of the alphabet
 */
export function findDifferences(
  one: { readonly stacks: Stacks; readonly stage: Named },
  other: typeof one,
): Readonly<Record<string, readonly string[]>> {
  const [ofOne, ofOther] = [read(one.stacks, one.stage), read(other.stacks, other.stage)]
  const types = [...new Set([...ofOne, ...ofOther].map(([, { Type }]) => Type))].toSorted()
  const differences = types.map((type): [string, string[]] => {
    const [mine, theirs] = [ofOne, ofOther].map((all) =>
      Object.fromEntries(all.filter(([, { Type }]) => Type === type)),
    ) as [Record<string, Resource>, Record<string, Resource>]
    if (isSame({}, mine) || isSame({}, theirs)) return [type, [wholeType]]
    const names = [...new Set([...Object.keys(mine), ...Object.keys(theirs)])].flatMap((id) => {
      const [left, right] = [mine[id], theirs[id]]
      if (!left || !right) return [id.replace(/[0-9A-F]{8}$/, '')]
      const [a, b] = [toProperties(left), toProperties(right)]
      return [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((name) => !isSame(a[name], b[name]))
    })
    return [type, [...new Set(names)].toSorted()]
  })
  return Object.fromEntries(differences.filter(([, names]) => names.length > 0))
}

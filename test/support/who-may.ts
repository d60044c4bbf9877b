// Asks the policies of both templates who may do what to everything that is worth taking, and says it as a table.
import { type Caller, isAllowed, type PolicyStatement, type Request } from './policy-evaluator.ts'
import type { World } from './policy-world.ts'

/** Something that is worth taking. */
export type Subject = {
  readonly name: string
  /** The resource of the template that it is, or is a part of. */
  readonly logicalId: string
  readonly arn: string
  /** The resource whose policy counts, where it is not the subject's own: of an object its bucket. */
  readonly owner?: string
  /** Asked besides all actions of the same services that a policy names. */
  readonly actions: readonly string[]
  /** What a caller would rightly say with it. */
  readonly context?: Request['context']
  /** Whether rows tell of administrators too, who may do all that a resource does not refuse, and of what nobody may. */
  readonly guarded?: boolean
}

/** Who may, by subject and action: names of roles, then services. */
export type WhoMay = Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>

const toService = (action: string) => action.split(':')[0]

/** Somebody of this account under a policy that allows everything. */
export const administrator = (world: World): Caller & { readonly arn: string } => ({
  kind: 'role',
  arn: `arn:aws:iam::${world.account}:role/administrator`,
  statements: [{ sid: '', effect: 'Allow', actions: ['*'], resources: ['*'], conditions: {} }],
})

/** Services that some policy names. */
export const findServices = (world: World): string[] => [
  ...new Set(
    world.resourceStatements
      .flatMap(({ principals = [] }) => principals)
      .filter(({ kind }) => kind === 'Service')
      .map(({ value }) => value),
  ),
]

export const ownContext = (arn: string): Request['context'] => ({
  'aws:PrincipalArn': arn,
  'aws:PrincipalAccount': arn.split(':')[4] ?? '',
  'aws:SecureTransport': 'true',
})

export const serviceContext = (sourceAccount: string, source: string | undefined): Request['context'] => ({
  'aws:SecureTransport': 'true',
  'aws:SourceAccount': sourceAccount,
  ...(source === undefined ? {} : { 'aws:SourceArn': source }),
})

/** In whose name a service may come: all that the policy would hear, with something in place of each wildcard. */
function findSources(policy: readonly PolicyStatement[]): (string | undefined)[] {
  const keys = policy.flatMap(({ conditions }) => Object.values(conditions)).flatMap((each) => Object.entries(each))
  const sources = keys.filter(([key]) => key.toLowerCase() === 'aws:sourcearn').flatMap(([, values]) => values)
  return [undefined, ...new Set(sources.map((source) => source.replaceAll('*', 'x')))]
}

/**
 * The table of who may do what.
 *
 * @param nameOf a readable name for the logical id of a role
 */
export function tellWhoMay(world: World, subjects: readonly Subject[], nameOf: (roleId: string) => string): WhoMay {
  const ofRoles = Object.values(world.roles).flatMap(({ statements }) => statements)
  // Those with a wildcard are met by the subjects' own lists.
  const named = [...ofRoles, ...world.resourceStatements]
    .flatMap(({ actions }) => actions)
    .filter((action) => !/[*?]/.test(action))
  const callingServices = findServices(world)

  const tellOf = (subject: Subject): [string, Record<string, string[]>] => {
    const policy = world.policyOf(subject.owner ?? subject.arn)
    const may = (caller: Caller, action: string, context: Request['context']) =>
      isAllowed({ caller, action, resource: subject.arn, context: { ...subject.context, ...context } }, policy)
    const findWho = (action: string) => [
      ...(subject.guarded && may(administrator(world), action, ownContext(administrator(world).arn))
        ? ['administrators']
        : []),
      ...Object.entries(world.roles)
        .filter(([, caller]) => may(caller, action, ownContext(caller.arn)))
        .map(([id]) => nameOf(id))
        .toSorted(),
      ...callingServices.filter((name) =>
        findSources(policy ?? []).some((source) =>
          may({ kind: 'service', name }, action, serviceContext(world.account, source)),
        ),
      ),
    ]
    const services = new Set(subject.actions.map(toService))
    const asked = new Set([...subject.actions, ...named.filter((action) => services.has(toService(action)))])
    const rows = [...asked].toSorted().map((action): [string, string[]] => [action, findWho(action)])
    return [
      subject.name,
      Object.fromEntries(
        rows.filter(([action, who]) => who.length > 0 || (subject.guarded && subject.actions.includes(action))),
      ),
    ]
  }
  return Object.fromEntries(subjects.map(tellOf).filter(([, rows]) => Object.keys(rows).length > 0))
}

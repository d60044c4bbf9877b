// Decides what IAM decides: whether a request is allowed, by the caller's own policies and the policy of the resource.
// It knows what occurs in our templates. What it does not know it throws at: a guess would be a hole in the table.

/** A condition of a statement: operator, key, values. */
export type Conditions = Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>

/** A statement whose references are resolved: all is text. */
export type PolicyStatement = {
  readonly sid: string
  readonly effect: 'Allow' | 'Deny'
  /** Undefined in identity policies. */
  readonly principals?: readonly StatementPrincipal[]
  readonly actions: readonly string[]
  /** Undefined in trust policies, whose resource is the role. */
  readonly resources?: readonly string[]
  readonly conditions: Conditions
}

export type StatementPrincipal = { readonly kind: 'AWS' | 'Service' | 'Any'; readonly value: string }

/** Who asks. A `stranger` is of another account, whose own policies allow everything. */
export type Caller =
  | { readonly kind: 'role'; readonly arn: string; readonly statements: readonly PolicyStatement[] }
  | { readonly kind: 'root' | 'stranger'; readonly arn: string }
  | { readonly kind: 'service'; readonly name: string }

export type Request = {
  readonly caller: Caller
  /** `service:Name`, without wildcards. */
  readonly action: string
  readonly resource: string
  /** What the conditions may ask about, by key. */
  readonly context: Readonly<Record<string, string | readonly string[]>>
}

/** What a policy says that the evaluator does not know. */
export class UnknownPolicyError extends Error {
  override readonly name = 'UnknownPolicyError'
}

const list = (value: string | readonly string[]): readonly string[] => (typeof value === 'string' ? [value] : value)

/** Whether a text fits a pattern of `*` (any characters) and `?` (one). */
export function fits(text: string, pattern: string): boolean {
  if (pattern.includes('${')) throw new UnknownPolicyError(`expected no policy variable; got ${pattern}`)
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`, 's').test(text)
}

/** ARNs are compared part by part: a wildcard does not reach over a colon, but in the last part. */
function fitsArn(text: string, pattern: string): boolean {
  const split = (arn: string) => {
    const parts = arn.split(':')
    return [...parts.slice(0, 5), parts.slice(5).join(':')]
  }
  const [texts, patterns] = [split(text), split(pattern)]
  return texts.every((part, at) => fits(part, patterns[at] ?? ''))
}

/** The operators, without their negations. */
const comparisons: Readonly<Record<string, (actual: string, wanted: string) => boolean>> = {
  StringEquals: (actual, wanted) => actual === wanted,
  StringLike: fits,
  ArnEquals: fitsArn,
  ArnLike: fitsArn,
  Bool: (actual, wanted) => actual.toLowerCase() === wanted.toLowerCase(),
  NumericLessThan: (actual, wanted) => Number(actual) < Number(wanted),
}

function holds(operator: string, actual: string | readonly string[] | undefined, wanted: readonly string[]): boolean {
  const [, quantifier, base = '', ifExists] =
    /^(?:(ForAllValues|ForAnyValue):)?([A-Za-z]+?)(IfExists)?$/.exec(operator) ?? []
  if (base === 'Null') return wanted.includes(String(actual === undefined))
  const negated = /^(String|Arn)Not/.test(base)
  const compare = comparisons[base.replace(/^(String|Arn)Not/, '$1')]
  if (!compare) throw new UnknownPolicyError(`expected a condition operator that is known here; got ${operator}`)
  const test = (value: string) => wanted.some((each) => compare(value, each)) !== negated
  const values = actual === undefined ? [] : list(actual)
  if (quantifier === 'ForAllValues') return values.every(test)
  if (quantifier === 'ForAnyValue') return values.some(test)
  // A key that the request does not have is like nothing, so it is unlike everything.
  if (values.length === 0) return ifExists !== undefined || negated
  if (values.length > 1) throw new UnknownPolicyError(`expected ForAllValues or ForAnyValue; got ${operator}`)
  return values.every(test)
}

function meets(conditions: Conditions, context: Request['context']): boolean {
  const actual = Object.fromEntries(Object.entries(context).map(([key, value]) => [key.toLowerCase(), value]))
  return Object.entries(conditions).every(([operator, keys]) =>
    Object.entries(keys).every(([key, wanted]) => holds(operator, actual[key.toLowerCase()], list(wanted))),
  )
}

/** Whether a statement speaks of the request, whoever asks. */
export function speaksOf(statement: PolicyStatement, { action, resource, context }: Request): boolean {
  return (
    statement.actions.some((pattern) => fits(action.toLowerCase(), pattern.toLowerCase())) &&
    (statement.resources ?? ['*']).some((pattern) => fits(resource, pattern)) &&
    meets(statement.conditions, context)
  )
}

const accountOf = (arn: string): string | undefined => arn.split(':')[4]

/** How a statement of a resource names the caller: `itself`, its `account`, or not at all. */
function names(statement: PolicyStatement, caller: Caller): 'itself' | 'account' | undefined {
  const found = (statement.principals ?? []).map(({ kind, value }) => {
    if (kind === 'Any') return 'itself'
    if (caller.kind === 'service') return kind === 'Service' && value === caller.name ? 'itself' : undefined
    if (kind !== 'AWS') return undefined
    if (value === caller.arn) return 'itself'
    const account = /^(?:arn:aws:iam::)?(\d{12})(?::root)?$/.exec(value)?.[1]
    return account !== undefined && account === accountOf(caller.arn) ? 'account' : undefined
  })
  return found.includes('itself') ? 'itself' : found.find((each) => each !== undefined)
}

/**
 * Whether the request is allowed. A refusal anywhere wins. Within an account, what either side allows is allowed; but
 * a key, and a role that is to be taken on, must allow by their own policy, if only by naming the account and so
 * leaving it to the caller's policies.
 *
 * @param resourcePolicy the statements on the resource; undefined when it has no policy
 * @throws {UnknownPolicyError}
 */
export function isAllowed(request: Request, resourcePolicy: readonly PolicyStatement[] | undefined): boolean {
  const { caller } = request
  const ofCaller = caller.kind === 'role' ? caller.statements.filter((each) => speaksOf(each, request)) : []
  const ofResource = (resourcePolicy ?? [])
    .filter((statement) => speaksOf(statement, request))
    .map(({ effect, ...rest }) => ({ effect, names: names({ effect, ...rest }, caller) }))
    .filter((statement) => statement.names !== undefined)
  if ([...ofCaller, ...ofResource].some(({ effect }) => effect === 'Deny')) return false

  const callerAllows = caller.kind === 'role' ? ofCaller.length > 0 : caller.kind === 'root'
  const allowsItself = ofResource.some((statement) => statement.names === 'itself')
  if (caller.kind === 'service') return allowsItself
  if (caller.kind === 'stranger') return ofResource.length > 0
  const resourceDecides = request.action.startsWith('kms:') || request.action === 'sts:AssumeRole'
  const delegates = ofResource.some((statement) => statement.names === 'account')
  return allowsItself || (callerAllows && (!resourceDecides || delegates))
}

// Which events a pattern of EventBridge matches: as much of its language as the project's rules use, by its documentation
// ("Comparison operators for use in event patterns").

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }
type Pattern = { readonly [key: string]: unknown }

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** `*` stands for any characters. */
function matchesWildcard(text: string, wildcard: string): boolean {
  const parts = wildcard.split('*').map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`, 's').test(text)
}

function matchesMatcher(matcher: unknown, value: Json | undefined): boolean {
  if (!isObject(matcher)) return value === matcher
  const [[operator, operand] = []] = Object.entries(matcher)
  switch (operator) {
    case 'exists':
      return operand === (value !== undefined)
    // A field that is not there is not anything but that.
    case 'anything-but':
      return value !== undefined && value !== operand
    case 'prefix':
      return typeof value === 'string' && value.startsWith(String(operand))
    case 'wildcard':
      return typeof value === 'string' && matchesWildcard(value, String(operand))
    default:
      throw new Error(`expected an operator that this helper knows; got ${operator}`)
  }
}

/** Of a field: one of its matchers must match; of a list in the event, one of its elements. */
function matchesField(pattern: unknown, value: Json | undefined): boolean {
  if (Array.isArray(value)) return value.some((element) => matchesField(pattern, element))
  if (Array.isArray(pattern)) return pattern.some((matcher) => matchesMatcher(matcher, value))
  return matchesPattern(pattern as Pattern, isObject(value) ? (value as { [key: string]: Json }) : {})
}

/** Whether an event matches: all fields of the pattern, and of `$or` one alternative. */
export function matchesPattern(pattern: Pattern, event: { readonly [key: string]: Json }): boolean {
  return Object.entries(pattern).every(([key, wanted]) =>
    key === '$or'
      ? (wanted as readonly Pattern[]).some((alternative) => matchesPattern(alternative, event))
      : matchesField(wanted, event[key]),
  )
}

// Holds answers of the running API against its OpenAPI document: a status, a content type, a header, a code or a field that
// is not documented is an error. The document is the committed one.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'

type Json = Record<string, unknown>
type Header = { required?: boolean; schema: Json }
type Response = { headers?: Record<string, Header>; content?: Record<string, { schema: Json }>; 'x-codes'?: string[] }
type Operation = { responses: Record<string, Response>; security?: Record<string, string[]>[] }
type Document = { paths: Record<string, Record<string, Operation>>; components: Record<string, Record<string, Json>> }

export type CheckedAnswer = {
  readonly method: string
  /** As it was sent, with its query. */
  readonly path: string
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: unknown
}

const document: Document = JSON.parse(readFileSync(join(import.meta.dirname, '../../openapi.json'), 'utf8'))

/** Every documented route, as `GET /wallet/{user_id}`, and its scope when it is not public. */
export const documentedRoutes = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, { security }]) => ({
    ...{ route: `${method.toUpperCase()} ${path}`, scope: security?.[0]?.token?.[0] },
  })),
)

const ajv = new Ajv2020({ allErrors: true, strict: false })
addFormats.default(ajv)
ajv.addSchema(forbidOtherFields(document) as Json, 'openapi')
const compiled = new Map<string, ValidateFunction>()

/** The document leaves room for fields to come; today's answers have those that are documented and no other. */
function forbidOtherFields(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(forbidOtherFields)
  if (typeof value !== 'object' || value === null) return value
  const copy = Object.fromEntries(Object.entries(value).map(([name, field]) => [name, forbidOtherFields(field)]))
  const isOpen = copy.type === 'object' && typeof copy.properties === 'object' && !('additionalProperties' in copy)
  return isOpen ? { ...copy, additionalProperties: false } : copy
}

/** A JSON pointer into the document (RFC 6901, in a URI fragment). */
const point = (...steps: readonly string[]) =>
  `openapi#/${steps.map((step) => encodeURIComponent(step.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/')}`

function describeFaults(reference: string, value: unknown): string[] {
  const validate = compiled.get(reference) ?? ajv.compile({ $ref: reference })
  compiled.set(reference, validate)
  if (validate(value)) return []
  return (validate.errors ?? []).map(({ instancePath, message, params }) =>
    `${instancePath} ${message} ${JSON.stringify(params)}`.trim(),
  )
}

/** The documented path that a request's path is of; fixed segments before parameters. */
function findPath(sent: string): string | undefined {
  const segments = sent.split('?')[0]?.split('/') ?? []
  const fits = (template: string) => {
    const steps = template.split('/')
    return (
      steps.length === segments.length &&
      steps.every((step, at) => step === segments[at] || (/^\{/.test(step) && segments[at]))
    )
  }
  return Object.keys(document.paths)
    .filter(fits)
    .toSorted((one, other) => one.split('{').length - other.split('{').length)[0]
}

/**
 * What is not as documented, in words; nothing when all is. Of a path or method that is no route the answer must be
 * the gateway's 404, which no operation documents.
 */
export function findUndocumented(answer: CheckedAnswer): readonly string[] {
  const path = findPath(answer.path)
  const method = answer.method.toLowerCase()
  const contentType = String(answer.headers['content-type'] ?? '')
  const operation = path === undefined ? undefined : document.paths[path]?.[method]
  if (path === undefined || operation === undefined) {
    const faults = describeFaults(point('components', 'schemas', 'Problem'), answer.body)
    if (answer.status !== 404) faults.push(`expected 404 where there is no route; got ${answer.status}`)
    if (contentType !== 'application/problem+json') faults.push(`expected a problem; got ${contentType}`)
    return faults
  }
  const response = operation.responses[String(answer.status)]
  if (response === undefined) return [`${answer.status} is not documented`]
  const at = ['paths', path, method, 'responses', String(answer.status)]
  const faults: string[] = []
  for (const [name, { required, $ref }] of Object.entries(response.headers ?? {}) as [
    string,
    Header & { $ref?: string },
  ][]) {
    const component = $ref?.replace('#/components/headers/', '')
    const header = component === undefined ? { required } : document.components.headers?.[component]
    const given = answer.headers[name.toLowerCase()]
    const schema =
      component === undefined ? [...at, 'headers', name, 'schema'] : ['components', 'headers', component, 'schema']
    if (given !== undefined) faults.push(...describeFaults(point(...schema), given).map((fault) => `${name}: ${fault}`))
    else if (header?.required) faults.push(`${name} is missing`)
  }
  if (response.content === undefined) return answer.body === '' ? faults : [...faults, 'expected no body; got one']
  if (response.content[contentType] === undefined) return [...faults, `content type ${contentType} is not documented`]
  faults.push(...describeFaults(point(...at, 'content', contentType, 'schema'), answer.body))
  const { code } = (answer.body ?? {}) as Json
  if (contentType === 'application/problem+json' && !response['x-codes']?.includes(String(code))) {
    faults.push(`code ${code} is not documented for ${answer.status}`)
  }
  return faults
}

/** Fails when an answer is not as documented. */
export function checkAnswer(answer: CheckedAnswer): void {
  const faults = findUndocumented(answer)
  if (faults.length === 0) return
  const { method, path, status, body } = answer
  throw new Error(
    `${method} ${path} answered otherwise than openapi.json says:\n${faults.join('\n')}\n${status} ${JSON.stringify(body).slice(0, 1000)}`,
  )
}

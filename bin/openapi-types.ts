// Prints an OpenAPI document as TypeScript types, in the shape that `openapi-fetch` takes. Knows what our document uses and
// refuses the rest, so that no type says less than the document.
import * as z from 'zod'

/** The document holds something that this printer does not know. The message says where. */
export class OpenApiTypesError extends Error {
  override readonly name = 'OpenApiTypesError'
}

const schemaShape = z.strictObject({
  $ref: z.string().optional(),
  type: z.enum(['string', 'integer', 'number', 'boolean', 'object', 'array', 'null']).optional(),
  enum: z.array(z.string()).optional(),
  anyOf: z.array(z.unknown()).optional(),
  items: z.unknown().optional(),
  properties: z.record(z.string(), z.unknown()).optional(),
  required: z.array(z.string()).optional(),
  additionalProperties: z.union([z.strictObject({}), z.strictObject({ type: z.literal('string') })]).optional(),
  description: z.string().optional(),
  // Of values, not of types.
  ...Object.fromEntries(
    [
      'contentEncoding',
      'default',
      'examples',
      'format',
      'maxItems',
      'maxLength',
      'maximum',
      'minItems',
      'minLength',
      'propertyNames',
    ].map((name) => [name, z.unknown().optional()]),
  ),
  minimum: z.unknown().optional(),
  pattern: z.unknown().optional(),
})

const contentShape = z.record(z.string(), z.object({ schema: z.unknown() }))
const headerShape = z.object({ required: z.boolean().default(false), schema: z.unknown() })
const parameterShape = headerShape.extend({ in: z.enum(['query', 'header', 'path', 'cookie']), name: z.string() })
const responseShape = z.object({
  headers: z.record(z.string(), z.unknown()).default({}),
  content: contentShape.optional(),
})
const operationShape = z.object({
  summary: z.string(),
  parameters: z.array(z.unknown()).default([]),
  requestBody: z.object({ required: z.boolean().default(false), content: contentShape }).optional(),
  responses: z.record(z.string(), responseShape),
})
const methods = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'] as const
const documentShape = z.object({
  paths: z.record(z.string(), z.partialRecord(z.enum(methods), operationShape)),
  components: z.object({
    schemas: z.record(z.string(), z.unknown()),
    headers: z.record(z.string(), z.unknown()).default({}),
    parameters: z.record(z.string(), z.unknown()).default({}),
  }),
})
type Document = z.output<typeof documentShape>
type Operation = z.output<typeof operationShape>

/**
 * @param document the OpenAPI document
 * @returns a TypeScript declaration file
 * @throws {OpenApiTypesError} where the document is beyond this printer
 */
export function printOpenApiTypes(document: unknown): string {
  const parsed = parse(documentShape, document, 'the document')
  const paths = Object.entries(parsed.paths).map(([path, item]) => {
    const operations = methods.map((method) => {
      const operation = item[method]
      return operation
        ? `${comment(operation.summary)}${method}: ${printOperation(parsed, operation, `${method} ${path}`)}`
        : `${method}?: never`
    })
    return `${quote(path)}: ${block([noParameters, ...operations])}`
  })
  const schemas = Object.entries(parsed.components.schemas).map(
    ([name, schema]) => `${describe(schema)}${name}: ${printSchema(schema, name)}`,
  )
  return `// Written by \`npm run openapi\` from the schemas that validate. Do not edit: a test compares it.

export interface paths ${block(paths)}

export interface components ${block([`schemas: ${block(schemas)}`])}
`
}

/** A type of these fields, each on a line of its own. */
function block(fields: readonly string[]): string {
  if (fields.length === 0) return '{}'
  return `{\n${fields.join('\n').replace(/^/gm, '  ')}\n}`
}

const noParameters = 'parameters: { query?: never; header?: never; path?: never; cookie?: never }'

function printOperation(document: Document, operation: Operation, at: string): string {
  const parameters = operation.parameters.map((parameter) =>
    parse(parameterShape, resolve(document, parameter, 'parameters'), at),
  )
  const places = (['query', 'header', 'path', 'cookie'] as const).map((place) => {
    const here = parameters.filter((parameter) => parameter.in === place)
    if (here.length === 0) return `${place}?: never`
    const fields = here.map(({ name, required, schema }) => printField(name, required, schema, at))
    return `${place}${here.some(({ required }) => required) ? '' : '?'}: ${block(fields)}`
  })
  const body = operation.requestBody
    ? `requestBody${operation.requestBody.required ? '' : '?'}: ${block([`content: ${printContent(operation.requestBody.content, at)}`])}`
    : 'requestBody?: never'
  const responses = Object.entries(operation.responses).map(([status, { headers, content }]) => {
    const fields = Object.entries(headers).map(([name, header]) => {
      const { required, schema } = parse(headerShape, resolve(document, header, 'headers'), at)
      return printField(name, required, schema, at)
    })
    const printed = content ? `content: ${printContent(content, at)}` : 'content?: never'
    return `${status}: ${block([`headers: ${block(fields)}`, printed])}`
  })
  return block([`parameters: ${block(places)}`, body, `responses: ${block(responses)}`])
}

const printContent = (content: z.output<typeof contentShape>, at: string): string =>
  block(Object.entries(content).map(([type, { schema }]) => `${quote(type)}: ${printSchema(schema, at)}`))

const printField = (name: string, required: boolean, schema: unknown, at: string): string =>
  `${describe(schema)}${quote(name)}${required ? '' : '?'}: ${printSchema(schema, `${at} ${name}`)}`

function printSchema(given: unknown, at: string): string {
  const schema = parse(schemaShape, given, at)
  if (schema.$ref !== undefined) {
    return `components['schemas'][${quote(schema.$ref.replace('#/components/schemas/', ''))}]`
  }
  if (schema.anyOf) return schema.anyOf.map((one) => printSchema(one, at)).join(' | ')
  if (schema.enum) return schema.enum.map(quote).join(' | ')
  switch (schema.type) {
    case 'array':
      return `(${printSchema(schema.items, at)})[]`
    case 'object': {
      const fields = Object.entries(schema.properties ?? {}).map(([name, field]) =>
        printField(name, schema.required?.includes(name) ?? false, field, at),
      )
      const others = schema.additionalProperties
      if (others) fields.push(`[name: string]: ${'type' in others ? others.type : 'unknown'}`)
      return block(fields)
    }
    case 'integer':
      return 'number'
    case undefined:
      throw new OpenApiTypesError(`${at}: expected a schema with a type; got one without`)
    default:
      return schema.type
  }
}

/** What a reference names; anything else as it is. */
function resolve(document: Document, value: unknown, kind: 'headers' | 'parameters'): unknown {
  const reference = z.object({ $ref: z.string() }).safeParse(value)
  return reference.success ? document.components[kind][reference.data.$ref.replace(`#/components/${kind}/`, '')] : value
}

const quote = (text: string) => JSON.stringify(text)

const comment = (text: string | undefined) => (text === undefined ? '' : `/** ${text.replaceAll('*/', '* /')} */\n`)

const describe = (schema: unknown) => comment(z.object({ description: z.string() }).safeParse(schema).data?.description)

function parse<Shape extends z.ZodType>(shape: Shape, value: unknown, at: string): z.output<Shape> {
  const parsed = shape.safeParse(value)
  if (parsed.success) return parsed.data
  throw new OpenApiTypesError(`${at}: beyond this printer: ${z.prettifyError(parsed.error)}`)
}

// The two stacks as templates, made from empty bundles: what these tests look at does not depend on what functions do.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { App } from 'aws-cdk-lib'
import { type Bundles, functionNames } from '../../lib/bundle.ts'
import { DataStack } from '../../lib/data-stack.ts'
import { ServiceStack } from '../../lib/service-stack.ts'
import { readSettings } from '../../lib/settings.ts'
import type { Stage } from '../../lib/stage.ts'
import { findStage } from '../../lib/stage-table.ts'

const root = join(import.meta.dirname, '../..')

/** A statement of a policy, with every reference written out as text; actions, resources and principals are lists. */
export type Statement = {
  readonly sid: string
  readonly effect: string
  readonly actions: readonly string[]
  readonly resources: readonly string[]
  readonly principals: readonly string[]
  readonly conditions: unknown
}

export type Resource = {
  readonly Type: string
  readonly Properties: Readonly<Record<string, unknown>>
  readonly DependsOn?: readonly string[]
  readonly DeletionPolicy?: string
  readonly UpdateReplacePolicy?: string
}

export type Template = {
  readonly Resources: Readonly<Record<string, Resource>>
  readonly Outputs: Readonly<Record<string, unknown>>
}

export type Templates = { readonly data: Template; readonly service: Template; readonly validation: string | undefined }

/** A row of the stage table, as it is without settings. */
export const stageOf = (name: Stage['name']): Stage => (name === 'local' ? localStage() : deployedStage(name))

/** The row of a deployed stage, for the account of AWS's documentation. */
export function deployedStage(name: 'dev' | 'prod'): Stage {
  return findStage(name, readSettings({}))
}

export function localStage(settings: Record<string, string> = {}): Stage {
  return findStage('local', readSettings(settings))
}

/**
 * Synthesises both stacks as `bin/app.ts` does.
 *
 * @param validate whether CDK's own validation of the templates runs as well: some seconds, the first time
 */
export function synthesise(stage: Stage, validate = false): Templates {
  const folder = mkdtempSync(join(tmpdir(), 'verified-wallets-test-'))
  const before = process.env.CDK_VALIDATION
  if (validate) delete process.env.CDK_VALIDATION
  else process.env.CDK_VALIDATION = 'false'
  try {
    const { app, data, service } = build(stage, folder)
    const assembly = app.synth()
    return {
      data: assembly.getStackByName(data.stackName).template,
      service: assembly.getStackByName(service.stackName).template,
      validation: validate ? readFileSync(join(folder, 'out/validation-report.json'), 'utf8') : undefined,
    }
  } finally {
    if (before === undefined) delete process.env.CDK_VALIDATION
    else process.env.CDK_VALIDATION = before
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Both stacks as constructs. The folder is needed until they are synthesised. */
export function build(stage: Stage, folder: string): { app: App; data: DataStack; service: ServiceStack } {
  const { context } = JSON.parse(readFileSync(join(root, 'cdk.json'), 'utf8'))
  const app = new App({ context, analyticsReporting: false, outdir: join(folder, 'out') })
  const data = new DataStack(app, { stage })
  return { app, data, service: new ServiceStack(app, { stage, data, bundles: writeBundles(folder) }) }
}

function writeBundles(folder: string): Bundles {
  const folders = functionNames.map((name) => [name, join(folder, name)] as const)
  for (const [name, path] of folders) {
    mkdirSync(path)
    writeFileSync(join(path, 'main.mjs'), `export const handler = async () => '${name}'\n`)
  }
  return Object.fromEntries(folders) as Record<(typeof functionNames)[number], string>
}

/** A value of a template as text: `<Name>`, `<Name.Attribute>`; a reference into the other stack as its output says. */
export function write(value: unknown, data?: Template): string {
  if (typeof value === 'string') return value
  if (typeof value !== 'object' || value === null) return String(value)
  const [[kind, content]] = Object.entries(value) as [[string, never]]
  if (kind === 'Ref') return `<${content}>`
  if (kind === 'Fn::Select') {
    const [index, list] = content as [number, { 'Fn::Split': [string, unknown] }]
    const [separator, text] = list['Fn::Split']
    const written = write(text, data)
    // Of a reference only its own text is known: which part of it is meant stands beside it.
    return `${written}[${separator} ${index}]`
  }
  if (kind === 'Fn::GetAtt') return `<${(content as string[]).join('.')}>`
  if (kind === 'Fn::Join') return (content as [string, unknown[]])[1].map((part) => write(part, data)).join(content[0])
  if (kind === 'Fn::GetStackOutput' && data) {
    return write((data.Outputs[(content as { OutputName: string }).OutputName] as { Value: unknown }).Value)
  }
  throw new Error(`expected a reference that this helper knows; got ${JSON.stringify(value)}`)
}

const list = (value: unknown): unknown[] => (value === undefined ? [] : Array.isArray(value) ? value : [value])

/** The statements of a policy document. */
export function statements(document: unknown, data?: Template): Statement[] {
  const { Statement } = document as { Statement: Record<string, unknown>[] }
  return Statement.map((statement) => ({
    sid: String(statement.Sid),
    effect: String(statement.Effect),
    actions: list(statement.Action).map((action) => write(action, data)),
    resources: list(statement.Resource).map((resource) => write(resource, data)),
    principals: list(statement.Principal)
      .flatMap((principal) =>
        typeof principal === 'object' && principal !== null ? Object.values(principal) : [principal],
      )
      .flatMap(list)
      .map((principal) => write(principal, data)),
    conditions: statement.Condition,
  }))
}

/** The resources of one type, by logical id. */
export function resourcesOf(template: Template, type: string): [string, Resource][] {
  return Object.entries(template.Resources).filter(([, resource]) => resource.Type === type)
}

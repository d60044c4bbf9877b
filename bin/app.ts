// Reads the stage and the settings, bundles the functions, writes both stacks of each stage that is asked for as a cloud
// assembly. Decides nothing.
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { App } from 'aws-cdk-lib'
import { FindingsError, requireAwsSolutions } from '../lib/aws-solutions.ts'
import { type Bundles, bundleFunctions } from '../lib/bundle.ts'
import { BundleError } from '../lib/bundle-error.ts'
import { DataStack } from '../lib/data-stack.ts'
import { machineOf } from '../lib/native-packages.ts'
import { ServiceStack } from '../lib/service-stack.ts'
import { readSettings, SettingsError } from '../lib/settings.ts'
import type { Stage } from '../lib/stage.ts'
import { findStage, stageNames } from '../lib/stage-table.ts'

const root = join(import.meta.dirname, '..')

try {
  const { values } = parseArgs({ options: { stage: { type: 'string' }, output: { type: 'string' } } })
  await writeAssemblies(values)
} catch (error) {
  // What the caller can put right is said without a stack trace.
  const told = error instanceof SettingsError || error instanceof BundleError || error instanceof FindingsError
  if (!told) throw error
  console.error(error.message)
  process.exitCode = 1
}

/** Without a stage: all of them; the CDK CLI takes one assembly, and names its stage. */
async function writeAssemblies(options: { stage?: string; output?: string }): Promise<void> {
  // The CDK CLI hands over the context of cdk.json and of its command line; without the CLI, the file is read here.
  const contextOfCli: { stage?: string } = JSON.parse(process.env.CDK_CONTEXT_JSON ?? '{}')
  const { context } = JSON.parse(await readFile(join(root, 'cdk.json'), 'utf8'))
  const output = options.output ?? process.env.CDK_OUTDIR
  const name = options.stage ?? contextOfCli.stage
  if (name === undefined && output !== undefined) {
    throw new SettingsError(`expected a stage of ${stageNames.join(', ')} for the folder ${output}: --stage NAME`)
  }
  const settings = readSettings(process.env)
  const stages = (name === undefined ? stageNames : [name]).map((each) => findStage(each, settings))

  const folder = await mkdtemp(join(tmpdir(), 'verified-wallets-'))
  try {
    const bundlesOf = new Map<string, Bundles>()
    for (const stage of stages) {
      const machine = machineOf(stage)
      const crashPointFolder = stage.chaos?.crashPointFolder
      const name = `${machine.os}-${machine.cpu}${crashPointFolder === undefined ? '' : '-chaos'}`
      const bundles =
        bundlesOf.get(name) ?? (await bundleFunctions(root, join(folder, name), machine, { crashPointFolder }))
      bundlesOf.set(name, bundles)
      writeAssembly(stage, { bundles, context, outdir: output ?? join(root, 'cdk.out', stage.name) })
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Copies the bundles into the assembly, so that their folder is needed no longer. */
function writeAssembly(
  stage: Stage,
  options: { readonly bundles: Bundles; readonly context: Record<string, unknown>; readonly outdir: string },
): void {
  const { bundles, context, outdir } = options
  const app = new App({ context, analyticsReporting: false, outdir })
  const data = new DataStack(app, { stage })
  new ServiceStack(app, { stage, data, bundles })
  if (stage.meetsAwsSolutions) requireAwsSolutions(app)
  app.synth()
}

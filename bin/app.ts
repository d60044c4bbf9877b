// Reads the stage and the settings, bundles the functions, writes both stacks as a cloud assembly. Decides nothing.
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { App } from 'aws-cdk-lib'
import { BundleError, bundleFunctions } from '../lib/bundle.ts'
import { DataStack } from '../lib/data-stack.ts'
import { ServiceStack } from '../lib/service-stack.ts'
import { readSettings, SettingsError } from '../lib/settings.ts'
import { findStage } from '../lib/stage-table.ts'

const root = join(import.meta.dirname, '..')

try {
  const { values } = parseArgs({ options: { stage: { type: 'string' }, output: { type: 'string' } } })
  await writeAssembly(values)
} catch (error) {
  // What the caller can put right is said without a stack trace.
  if (!(error instanceof SettingsError || error instanceof BundleError)) throw error
  console.error(error.message)
  process.exitCode = 1
}

async function writeAssembly(options: { stage?: string; output?: string }): Promise<void> {
  // The CDK CLI hands over the context of cdk.json and of its command line; without the CLI, the file is read here.
  const { context } = JSON.parse(await readFile(join(root, 'cdk.json'), 'utf8'))
  const contextOfCli = JSON.parse(process.env.CDK_CONTEXT_JSON ?? '{}')
  const stage = findStage(options.stage ?? contextOfCli.stage ?? 'local', readSettings(process.env))

  const folder = await mkdtemp(join(tmpdir(), 'verified-wallets-'))
  try {
    const bundles = await bundleFunctions(root, folder)
    const app = new App({
      context,
      analyticsReporting: false,
      outdir: options.output ?? process.env.CDK_OUTDIR ?? join(root, 'cdk.out', stage.name),
    })
    const data = new DataStack(app, { stage })
    new ServiceStack(app, { stage, data, bundles })
    // Copies the bundles into the assembly, so the folder is needed no longer.
    app.synth()
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

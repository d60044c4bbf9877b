// Reads the stage and the settings, bundles the functions, writes both stacks as a cloud assembly. Decides nothing.
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { App } from 'aws-cdk-lib'
import { bundleFunctions } from '../lib/bundle.ts'
import { DataStack } from '../lib/data-stack.ts'
import { ServiceStack } from '../lib/service-stack.ts'
import { findStage, readSettings } from '../lib/stage.ts'

const root = join(import.meta.dirname, '..')
const { values } = parseArgs({ options: { stage: { type: 'string' }, output: { type: 'string' } } })

// The CDK CLI hands over the context of cdk.json and of its command line; without it, the file is read here.
const { context } = JSON.parse(await readFile(join(root, 'cdk.json'), 'utf8'))
const contextOfCli = JSON.parse(process.env.CDK_CONTEXT_JSON ?? '{}')
const stage = findStage(values.stage ?? contextOfCli.stage ?? 'local', readSettings(process.env))

const app = new App({
  context,
  analyticsReporting: false,
  outdir: values.output ?? process.env.CDK_OUTDIR ?? join(root, 'cdk.out', stage.name),
})

const folder = await mkdtemp(join(tmpdir(), 'verified-wallets-'))
try {
  // Assets are copied into the assembly as the stacks are made, so the bundles are needed no longer than that.
  const bundles = await bundleFunctions(root, folder)
  const data = new DataStack(app, { stage })
  new ServiceStack(app, { stage, data, bundles })
  app.synth()
} finally {
  await rm(folder, { recursive: true, force: true })
}

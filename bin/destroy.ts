// `npm run destroy -- --stage dev`: deletes a stage's stacks, after it has said what goes and what survives.
import { CloudFormationClient, GetTemplateCommand } from '@aws-sdk/client-cloudformation'
import { runCdk, synthesise } from './cdk.ts'
import { InputError, readFlags, runOperatorCommand } from './command-line.ts'
import { type ClientOptions, dataStackOf, explainAws, findStack, openStage, serviceStackOf } from './stage-access.ts'
import { requireTyped, standardTerminal } from './terminal.ts'

const help = `Deletes what npm run deploy has made, after it has said what goes and what survives.

  npm run destroy -- --stage dev

  --stage NAME   of the stage table (lib/stage-table.ts); local is forgotten by npm run reset
  --yes          ask nothing; refused for a stage that keeps its data: that takes a person at a terminal
  --help
`

const say = (text: string) => console.error(text)

type Plan = { readonly name: string; readonly isProtected: boolean; readonly text: string }

/** What becomes of a deployed stack, by its own template and protection; undefined when there is none. */
async function describeStack(client: ClientOptions, name: string): Promise<Plan | undefined> {
  const stack = await findStack(client, name)
  if (stack === undefined) return undefined
  if (stack.EnableTerminationProtection) {
    const text = `
${name}: stays, whole: it is protected. To delete it as well:
  aws cloudformation update-termination-protection --no-enable-termination-protection --stack-name ${name}`
    return { name, isProtected: true, text }
  }
  const { survivors, count } = await readTemplate(client, name)
  const kept = survivors.map((line) => `\n    ${line}`).join('')
  return {
    name,
    isProtected: false,
    text: `\n${name}: goes, with ${count} resources; ${survivors.length > 0 ? `these stay, and cost on:${kept}` : 'nothing stays'}`,
  }
}

async function readTemplate(client: ClientOptions, name: string): Promise<{ survivors: string[]; count: number }> {
  const cloudFormation = new CloudFormationClient(client)
  try {
    const { TemplateBody } = await cloudFormation
      .send(new GetTemplateCommand({ StackName: name }))
      .catch(explainAws(`the template of ${name} could not be read`))
    const { Resources }: { Resources: Record<string, { Type: string; DeletionPolicy?: string }> } = JSON.parse(
      TemplateBody ?? '{"Resources":{}}',
    )
    // `Snapshot` deletes the resource and leaves a copy of it.
    const survivors = Object.entries(Resources)
      .filter(([, { DeletionPolicy = 'Delete' }]) => DeletionPolicy !== 'Delete')
      .map(
        ([id, { Type, DeletionPolicy }]) => `${id} (${Type}${DeletionPolicy === 'Snapshot' ? ', as a snapshot' : ''})`,
      )
    return { survivors, count: Object.keys(Resources).length - survivors.length }
  } finally {
    cloudFormation.destroy()
  }
}

await runOperatorCommand(async () => {
  const flags = readFlags(process.argv.slice(2), { stage: 'string', yes: 'boolean', help: 'boolean' })
  if (flags.help) {
    process.stdout.write(help)
    return
  }
  const access = await openStage(flags, 'npm run reset forgets it')
  const { stage, client, caller } = access
  if (stage.keepsData && flags.yes) {
    throw new InputError('not_confirmed', `${stage.name} keeps its data: --yes is not taken, a person must type`)
  }
  const [service, data] = [serviceStackOf(stage), dataStackOf(stage)]
  const plans = await Promise.all([service, data].map((name) => describeStack(client, name)))
  const found = plans.filter((plan) => plan !== undefined)
  if (found.length === 0) throw new InputError('not_deployed', `expected ${service} or ${data}; there is neither`)

  say(`stage ${stage.name}, account ${caller.account}, region ${client.region}, as ${caller.arn}`)
  for (const plan of found) say(plan.text)
  const deleted = found.filter((plan) => !plan.isProtected)
  if (deleted.length === 0) throw new InputError('protected', 'nothing is left that may be deleted', { exitStatus: 1 })
  if (!stage.keepsData) {
    say(
      '\nThe vault goes with its key: without the mnemonic on paper, what was sent to the addresses is lost for ever.',
    )
  }
  const phrase = stage.keepsData ? `destroy ${stage.name} in ${caller.account}` : stage.name
  if (!flags.yes) await requireTyped(standardTerminal(), '', phrase)

  const assembly = await synthesise(access)
  for (const { name } of deleted) {
    say(`\n${name}`)
    const status = await runCdk(client, assembly, ['destroy', name, '--exclusively', '--force'])
    if (status !== 0) {
      throw new InputError(
        'destroy_failed',
        `${name} was not deleted: see above, and its events in CloudFormation; a bucket that is not empty is to be emptied first ("What survives" in docs/operations.md)`,
        {
          exitStatus: 1,
        },
      )
    }
  }
  say('\ndeleted')
})

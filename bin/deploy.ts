// `npm run deploy -- --stage dev`: looks at what must hold, says what it will do, deploys both stacks in their order, says
// what comes next.
import { join } from 'node:path'
import { readSettings } from '../lib/settings.ts'
import { findStage, stageNames } from '../lib/stage-table.ts'
import { runCdk, synthesise } from './cdk.ts'
import { InputError, readFlags, runOperatorCommand } from './command-line.ts'
import { judge, readFacts } from './prerequisites.ts'
import { dataStackOf, findStack, openStage, readOutputs, type StageAccess, serviceStackOf } from './stage-access.ts'
import { requireTyped, standardTerminal } from './terminal.ts'

const help = `Deploys a stage into the AWS account that you are signed in to.

  npm run deploy -- --stage dev

  --stage NAME   of the stage table (lib/stage-table.ts); local is deployed by npm start
  --check        look at what must hold, and synthesise; deploy nothing
  --yes          ask nothing; else it takes a terminal
  --help

Exit status 0: deployed. 1: something that must hold does not, or CloudFormation has failed. 2: anything else.
docs/operations.md says the rest.
`

const say = (text: string) => console.error(text)

function describePlan({ stage }: StageAccess, stacks: readonly string[], isNew: boolean): string {
  const kept = stage.keepsData ? 'is kept when a stack is deleted' : 'goes when its stack is deleted'
  return `
Will ${isNew ? 'create' : 'update'}, in this order, each whole or not at all (CloudFormation rolls back):
  ${stacks[0]}   what must survive: network, database, Kafka, documents, vault
  ${stacks[1]}   what may be replaced: functions, API, alarms; it runs the migrations first
What is stateful ${kept}.${isNew ? ' The first time takes about an hour: Kafka and Aurora are slow to make.\nFrom then on it costs money, also idle: see "Cost" in docs/operations.md.' : ' npm run diff shows what changes.'}
`
}

async function deployStack(access: StageAccess, assembly: string, stack: string, asks: boolean): Promise<void> {
  say(`\n${stack}`)
  const status = await runCdk(access.client, assembly, [
    ...['deploy', stack, '--exclusively', '--progress', 'events'],
    // At a terminal the CLI shows what widens rights, and asks.
    ...['--require-approval', asks ? 'broadening' : 'never'],
    ...['--outputs-file', join(assembly, `${stack}.outputs.json`)],
  ])
  if (status === 0) return
  throw new InputError('deploy_failed', `${stack} was not deployed: see above, and "Rollback" in docs/operations.md`, {
    exitStatus: 1,
  })
}

/**
 * Who may deploy one stage into an account may, by CloudFormation's role, change what is another's: the vault's key, too.
 *
 * @throws {InputError} `shared_account` when another stage is in the account
 */
async function requireOwnAccount({ stage, client, caller }: StageAccess): Promise<void> {
  const settings = readSettings(process.env)
  const others = stageNames.filter((name) => name !== stage.name && !findStage(name, settings).emulated)
  for (const name of others) {
    if ((await findStack(client, dataStackOf({ name }))) === undefined) continue
    throw new InputError(
      'shared_account',
      `expected an account of its own for ${stage.name}; ${caller.account} has the stage ${name}, which whoever deploys ${stage.name} could change`,
      { exitStatus: 1 },
    )
  }
}

/** What is left for a person to do. */
async function describeNext(access: StageAccess, isNew: boolean): Promise<string> {
  const { stage, client } = access
  const { AlarmTopicArn, ApiUrl } = await readOutputs(client, serviceStackOf(stage), ['AlarmTopicArn', 'ApiUrl'])
  const name = stage.name
  const steps = [
    ...(isNew
      ? [
          `subscribe to the alarms:\n     aws sns subscribe --topic-arn ${AlarmTopicArn} --protocol email --notification-endpoint YOU@EXAMPLE.COM`,
        ]
      : []),
    ...(stage.tokens === undefined
      ? [`name who issues tokens, as tokens in lib/stage-${name}.ts: until then only the public routes answer`]
      : []),
    ...(stage.rootCommitment === undefined
      ? [
          `import a root, put its commitment into lib/stage-${name}.ts, deploy again:\n     npm run vault -- import --stage ${name}`,
        ]
      : []),
    `see that it works:\n     npm run vault -- status --stage ${name}\n     npm run smoke -- --url ${ApiUrl} --token-file FILE`,
  ]
  return `\ndeployed. Next:\n${steps.map((step, at) => `  ${at + 1}. ${step}`).join('\n')}`
}

await runOperatorCommand(async () => {
  const flags = readFlags(process.argv.slice(2), { stage: 'string', check: 'boolean', yes: 'boolean', help: 'boolean' })
  if (flags.help) {
    process.stdout.write(help)
    return
  }
  const access = await openStage(flags, 'npm start deploys it, and again after each change')
  const stacks = [dataStackOf(access.stage), serviceStackOf(access.stage)]
  say(
    `stage ${access.stage.name}, account ${access.caller.account}, region ${access.client.region}, as ${access.caller.arn}\n`,
  )

  await requireOwnAccount(access)
  const facts = await readFacts(access, stacks)
  const checks = judge(facts, access.client.region, access.caller.account)
  const marks = { ok: '  ok  ', warn: '  !   ', fail: '  X   ' }
  for (const { state, text } of checks) say(`${marks[state]}${text}`)
  if (checks.some(({ state }) => state === 'fail')) {
    throw new InputError('not_ready', 'what is marked X must hold first: nothing was deployed', { exitStatus: 1 })
  }

  say('\nsynthesising')
  const assembly = await synthesise(access)
  if (flags.check) {
    say(`\nready: the templates are in ${assembly}; nothing was deployed`)
    return
  }
  const isNew = facts.stacks[stacks[0] ?? ''] === undefined
  say(describePlan(access, stacks, isNew))
  const asks = flags.yes === undefined
  if (asks) await requireTyped(standardTerminal(), '', access.stage.name)

  for (const stack of stacks) await deployStack(access, assembly, stack, asks)
  say(await describeNext(access, isNew))
})

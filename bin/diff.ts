// `npm run diff -- --stage dev`: what a deploy would change, as the CDK CLI tells it. Changes nothing.
import { runCdk, synthesise } from './cdk.ts'
import { InputError, readFlags, runOperatorCommand } from './command-line.ts'
import { dataStackOf, openStage, serviceStackOf } from './stage-access.ts'

const help = `Shows what npm run deploy would change in a deployed stage, and changes nothing.

  npm run diff -- --stage dev

  --stage NAME   of the stage table (lib/stage-table.ts)
  --fail         exit status 1 when there are differences
  --help
`

await runOperatorCommand(async () => {
  const flags = readFlags(process.argv.slice(2), { stage: 'string', fail: 'boolean', help: 'boolean' })
  if (flags.help) {
    process.stdout.write(help)
    return
  }
  const access = await openStage(flags, 'npm start deploys what has changed')
  const assembly = await synthesise(access)
  const stacks = [dataStackOf(access.stage), serviceStackOf(access.stage)]
  // Without a change set nothing is written to the account, not even for a moment.
  const status = await runCdk(access.client, assembly, [
    ...['diff', ...stacks, '--exclusively', '--method', 'template'],
    ...(flags.fail ? ['--fail'] : []),
  ])
  if (status !== 0 && flags.fail) {
    throw new InputError('differs', 'what is deployed differs from the source, or could not be compared: see above', {
      exitStatus: 1,
    })
  }
  if (status !== 0)
    throw new InputError('diff_failed', 'the stacks could not be compared: see above', { exitStatus: 1 })
})

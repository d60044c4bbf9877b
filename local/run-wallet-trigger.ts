// The wallet trigger as a program of its own, for a container beside LocalStack and for chaos runs: waits until the function
// is deployed, then runs until it is told to stop.
import { writeFile } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation'
import { readSettings } from '../lib/settings.ts'
import { findStage } from '../lib/stage-table.ts'
import { createEmulatorClients, credentials, invokeFunction, region } from './emulator-clients.ts'
import { describe } from './local-error.ts'
import { clusterArn, startWalletTrigger } from './wallet-trigger.ts'

const { EMULATOR_URL: url = '', RUNS_FILE: runsFile } = process.env
if (url === '') throw new Error('expected the address of the emulator in EMULATOR_URL; got none')
const settings = readSettings(process.env)
const stage = findStage('local', settings)
const log = (line: object) => console.log(JSON.stringify(line))

const stopping = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort())

/** Asks until both stacks are deployed. */
async function findFunction(): Promise<string> {
  const cloudFormation = new CloudFormationClient({ endpoint: url, region, credentials })
  const stack = `verified-wallets-${stage.name}-service`
  for (let attempt = 0; ; attempt++) {
    const answer = await cloudFormation
      .send(new DescribeStacksCommand({ StackName: stack }))
      .catch((error: unknown) => {
        // It is not there yet; once a minute that is said.
        if (attempt % 60 === 0)
          log({ level: 'info', message: `waiting for the stack ${stack}`, cause: describe(error) })
      })
    const [found] = answer?.Stacks ?? []
    const name = found?.Outputs?.find(({ OutputKey }) => OutputKey === 'WalletFunctionName')?.OutputValue
    if (name !== undefined && found?.StackStatus?.endsWith('_COMPLETE')) return name
    await wait(1000, undefined, { signal: stopping.signal })
  }
}

try {
  const functionName = await findFunction()
  const { lambda } = createEmulatorClients(url)
  const trigger = await startWalletTrigger({
    trigger: stage.walletTrigger,
    bootstrapServers: settings.kafkaBootstrapServers,
    eventSourceArn: clusterArn,
    invoke: (payload) => invokeFunction(lambda, functionName, payload),
    log,
  })
  // The container's health check looks for it.
  if (runsFile) await writeFile(runsFile, '')
  await new Promise((resolve) => stopping.signal.addEventListener('abort', resolve))
  await trigger.stop()
} catch (error) {
  if (!stopping.signal.aborted) throw error
}
process.exit(0)

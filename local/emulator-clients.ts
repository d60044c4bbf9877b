// The AWS clients of the supervisor: the emulator's address, and the credentials of its account's root.
import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs'
import { KMSClient } from '@aws-sdk/client-kms'
import { LambdaClient } from '@aws-sdk/client-lambda'
import { S3Client } from '@aws-sdk/client-s3'
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'

export const account = '000000000000'
export const region = 'us-east-1'
/** What the emulator takes for the root of its account. They open nothing else. */
export const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }

export type EmulatorClients = {
  readonly s3: S3Client
  readonly secrets: SecretsManagerClient
  readonly kms: KMSClient
  readonly lambda: LambdaClient
  readonly logs: CloudWatchLogsClient
  close(): void
}

export function createEmulatorClients(url: string): EmulatorClients {
  const options = { endpoint: url, region, credentials }
  const s3 = new S3Client({ ...options, forcePathStyle: true })
  const secrets = new SecretsManagerClient(options)
  const kms = new KMSClient(options)
  const lambda = new LambdaClient(options)
  const logs = new CloudWatchLogsClient(options)
  return {
    ...{ s3, secrets, kms, lambda, logs },
    close: () => {
      for (const client of [s3, secrets, kms, lambda, logs]) client.destroy()
    },
  }
}

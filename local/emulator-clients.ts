// The AWS clients of the supervisor: the emulator's address, and the credentials of its account's root.
import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs'
import { KMSClient } from '@aws-sdk/client-kms'
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda'
import { S3Client } from '@aws-sdk/client-s3'
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts'
import { LocalError } from './local-error.ts'

export const account = '000000000000'
export const region = 'us-east-1'
/** What the emulator takes for the root of its account. They open nothing else. */
export const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }

export type EmulatorClients = {
  readonly url: string
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
    ...{ url, s3, secrets, kms, lambda, logs },
    close: () => {
      for (const client of [s3, secrets, kms, lambda, logs]) client.destroy()
    },
  }
}

/** Works with clients that have the rights of a role, and no others. */
export async function asRole<Result>(
  url: string,
  roleArn: string,
  work: (clients: { readonly kms: KMSClient; readonly secrets: SecretsManagerClient }) => Promise<Result>,
): Promise<Result> {
  const sts = new STSClient({ endpoint: url, region, credentials })
  const { Credentials } = await sts.send(new AssumeRoleCommand({ RoleArn: roleArn, RoleSessionName: 'npm-start' }))
  const options = {
    endpoint: url,
    region,
    credentials: {
      accessKeyId: Credentials?.AccessKeyId ?? '',
      secretAccessKey: Credentials?.SecretAccessKey ?? '',
      ...(Credentials?.SessionToken === undefined ? {} : { sessionToken: Credentials.SessionToken }),
    },
  }
  const [kms, secrets] = [new KMSClient(options), new SecretsManagerClient(options)]
  try {
    return await work({ kms, secrets })
  } finally {
    for (const client of [sts, kms, secrets]) client.destroy()
  }
}

/** What a synchronous invocation came to. `functionError` is set when the function itself failed. */
export type Invocation = { readonly functionError?: string; readonly payload: Uint8Array }

/**
 * Invokes a function and waits for it, as the Lambda API does.
 *
 * @throws what the SDK throws when the function was not called
 */
export async function invokeFunction(
  lambda: LambdaClient,
  functionName: string,
  payload: Uint8Array,
): Promise<Invocation> {
  const answer = await lambda.send(new InvokeCommand({ FunctionName: functionName, Payload: payload }))
  const functionError = answer.FunctionError === undefined ? {} : { functionError: answer.FunctionError }
  return { ...functionError, payload: answer.Payload ?? new Uint8Array() }
}

/**
 * Invokes a function that takes no input and must succeed.
 *
 * @throws {LocalError} with the function's own message when it fails
 */
export async function runFunction(lambda: LambdaClient, functionName: string): Promise<unknown> {
  const { functionError, payload } = await invokeFunction(lambda, functionName, Buffer.from('{}'))
  const text = Buffer.from(payload).toString('utf8')
  if (functionError === undefined) return JSON.parse(text)
  throw new LocalError(`the function ${functionName} failed: ${text}`)
}

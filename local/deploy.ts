// Deploys both stacks into the emulator with the CDK CLI, as into an account of AWS, and does nothing when what is
// deployed is what would be.
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DeleteBucketPolicyCommand } from '@aws-sdk/client-s3'
import { GetSecretValueCommand, PutSecretValueCommand } from '@aws-sdk/client-secrets-manager'
import * as z from 'zod'
import { type Clients, account, credentials, region } from './emulator-clients.ts'
import { runChild } from './child-process.ts'
import { LocalError } from './local-error.ts'

const projectFolder = fileURLToPath(new URL('..', import.meta.url))
const stageName = 'local'
const dataStack = `verified-wallets-${stageName}-data`
const serviceStack = `verified-wallets-${stageName}-service`

const outputsSchema = z.object({
  DatabaseAdminSecretArn: z.string(),
  VaultSecretArn: z.string(),
  VaultKeyArn: z.string(),
  ApiId: z.string(),
  ApiStage: z.string(),
  WalletFunctionName: z.string(),
  ProvisionFunctionName: z.string(),
  MigrateFunctionName: z.string(),
})

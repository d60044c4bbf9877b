// One call of AWS's API for each action of the table of who may do what. A call that is allowed changes nothing: it asks
// for what is not there, or says that it is only a try.
import {
  AttachRolePolicyCommand,
  IAMClient,
  PutRolePolicyCommand,
  UpdateAssumeRolePolicyCommand,
} from '@aws-sdk/client-iam'
import {
  DecryptCommand,
  DescribeKeyCommand,
  DisableKeyCommand,
  EncryptCommand,
  GenerateDataKeyCommand,
  GenerateDataKeyWithoutPlaintextCommand,
  GenerateMacCommand,
  GetKeyPolicyCommand,
  KMSClient,
  PutKeyPolicyCommand,
  ScheduleKeyDeletionCommand,
} from '@aws-sdk/client-kms'
import {
  AddPermissionCommand,
  CreateFunctionUrlConfigCommand,
  InvokeCommand,
  LambdaClient,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda'
import {
  DeleteBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutBucketPolicyCommand,
  PutObjectAclCommand,
  PutObjectCommand,
  PutPublicAccessBlockCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import {
  DeleteSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  PutResourcePolicyCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
  UpdateSecretCommand,
  UpdateSecretVersionStageCommand,
} from '@aws-sdk/client-secrets-manager'
import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  PurgeQueueCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SetQueueAttributesCommand,
  SQSClient,
} from '@aws-sdk/client-sqs'
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts'

type Credentials = { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken?: string }

/** The clients of one caller. */
export function openClients(endpoint: string, credentials: Credentials) {
  const options = { endpoint, region: 'us-east-1', credentials, maxAttempts: 1 }
  return {
    iam: new IAMClient(options),
    kms: new KMSClient(options),
    lambda: new LambdaClient(options),
    s3: new S3Client({ ...options, forcePathStyle: true }),
    secrets: new SecretsManagerClient(options),
    sqs: new SQSClient({ ...options, useQueueUrlAsEndpoint: false }),
    sts: new STSClient(options),
  }
}

export type Clients = ReturnType<typeof openClients>

/** `id` is what CloudFormation calls the resource; `key` the object, where one is meant. */
type Call = (clients: Clients, id: string, key: string) => Promise<unknown>

const nothing = JSON.stringify({ Version: '2012-10-17', Statement: [] })
const ciphertext = Buffer.from('no ciphertext of any key')

export const liveCalls: Readonly<Record<string, Call>> = {
  'iam:AttachRolePolicy': ({ iam }, RoleName) =>
    iam.send(new AttachRolePolicyCommand({ RoleName, PolicyArn: 'arn:aws:iam::aws:policy/AdministratorAccess' })),
  'iam:PutRolePolicy': ({ iam }, RoleName) =>
    iam.send(new PutRolePolicyCommand({ RoleName, PolicyName: 'more', PolicyDocument: nothing })),
  'iam:UpdateAssumeRolePolicy': ({ iam }, RoleName) =>
    iam.send(new UpdateAssumeRolePolicyCommand({ RoleName, PolicyDocument: nothing })),
  'kms:Decrypt': ({ kms }, KeyId) => kms.send(new DecryptCommand({ KeyId, CiphertextBlob: ciphertext })),
  'kms:DescribeKey': ({ kms }, KeyId) => kms.send(new DescribeKeyCommand({ KeyId })),
  'kms:DisableKey': ({ kms }, KeyId) => kms.send(new DisableKeyCommand({ KeyId })),
  'kms:GetKeyPolicy': ({ kms }, KeyId) => kms.send(new GetKeyPolicyCommand({ KeyId, PolicyName: 'default' })),
  'kms:Encrypt': ({ kms }, KeyId) => kms.send(new EncryptCommand({ KeyId, Plaintext: ciphertext })),
  'kms:GenerateDataKey': ({ kms }, KeyId) => kms.send(new GenerateDataKeyCommand({ KeyId, KeySpec: 'AES_256' })),
  'kms:GenerateDataKeyWithoutPlaintext': ({ kms }, KeyId) =>
    kms.send(new GenerateDataKeyWithoutPlaintextCommand({ KeyId, KeySpec: 'AES_256' })),
  'kms:GenerateMac': ({ kms }, KeyId) =>
    kms.send(new GenerateMacCommand({ KeyId, MacAlgorithm: 'HMAC_SHA_256', Message: ciphertext })),
  'kms:PutKeyPolicy': ({ kms }, KeyId) =>
    kms.send(new PutKeyPolicyCommand({ KeyId, PolicyName: 'default', Policy: nothing })),
  'kms:ScheduleKeyDeletion': ({ kms }, KeyId) =>
    kms.send(new ScheduleKeyDeletionCommand({ KeyId, PendingWindowInDays: 30 })),
  'lambda:AddPermission': ({ lambda }, FunctionName) =>
    lambda.send(
      new AddPermissionCommand({
        ...{ FunctionName, StatementId: 'more', Action: 'lambda:InvokeFunction', Principal: '000000000000' },
      }),
    ),
  'lambda:CreateFunctionUrlConfig': ({ lambda }, FunctionName) =>
    lambda.send(new CreateFunctionUrlConfigCommand({ FunctionName, AuthType: 'AWS_IAM' })),
  'lambda:InvokeFunction': ({ lambda }, FunctionName) =>
    lambda.send(new InvokeCommand({ FunctionName, InvocationType: 'DryRun' })),
  'lambda:UpdateFunctionCode': ({ lambda }, FunctionName) =>
    lambda.send(new UpdateFunctionCodeCommand({ FunctionName, ZipFile: ciphertext, DryRun: true })),
  'lambda:UpdateFunctionConfiguration': ({ lambda }, FunctionName) =>
    lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName, Layers: [] })),
  's3:DeleteBucket': ({ s3 }, Bucket) => s3.send(new DeleteBucketCommand({ Bucket })),
  's3:DeleteObject': ({ s3 }, Bucket, Key) => s3.send(new DeleteObjectCommand({ Bucket, Key })),
  's3:GetObject': ({ s3 }, Bucket, Key) => s3.send(new GetObjectCommand({ Bucket, Key })),
  's3:GetObjectVersion': ({ s3 }, Bucket, Key) => s3.send(new GetObjectCommand({ Bucket, Key, VersionId: 'null' })),
  's3:ListBucket': ({ s3 }, Bucket) => s3.send(new ListObjectsV2Command({ Bucket, MaxKeys: 1 })),
  's3:PutBucketPolicy': ({ s3 }, Bucket) => s3.send(new PutBucketPolicyCommand({ Bucket, Policy: nothing })),
  's3:PutBucketPublicAccessBlock': ({ s3 }, Bucket) =>
    s3.send(new PutPublicAccessBlockCommand({ Bucket, PublicAccessBlockConfiguration: { BlockPublicAcls: false } })),
  // Of an object that is not there nothing matches, so that nothing is put.
  's3:PutObject': ({ s3 }, Bucket, Key) =>
    s3.send(new PutObjectCommand({ Bucket, Key, Body: ciphertext, IfMatch: '"00000000000000000000000000000000"' })),
  's3:PutObjectAcl': ({ s3 }, Bucket, Key) =>
    s3.send(new PutObjectAclCommand({ Bucket, Key, ACL: 'bucket-owner-full-control' })),
  'secretsmanager:DeleteSecret': ({ secrets }, SecretId) => secrets.send(new DeleteSecretCommand({ SecretId })),
  'secretsmanager:DescribeSecret': ({ secrets }, SecretId) => secrets.send(new DescribeSecretCommand({ SecretId })),
  'secretsmanager:GetSecretValue': ({ secrets }, SecretId) => secrets.send(new GetSecretValueCommand({ SecretId })),
  'secretsmanager:PutResourcePolicy': ({ secrets }, SecretId) =>
    secrets.send(new PutResourcePolicyCommand({ SecretId, ResourcePolicy: nothing })),
  // Without a value it is refused for that.
  'secretsmanager:PutSecretValue': ({ secrets }, SecretId) => secrets.send(new PutSecretValueCommand({ SecretId })),
  'secretsmanager:UpdateSecret': ({ secrets }, SecretId) =>
    secrets.send(new UpdateSecretCommand({ SecretId, Description: 'taken' })),
  'secretsmanager:UpdateSecretVersionStage': ({ secrets }, SecretId) =>
    secrets.send(new UpdateSecretVersionStageCommand({ SecretId, VersionStage: 'AWSCURRENT' })),
  'sqs:ChangeMessageVisibility': ({ sqs }, QueueUrl) =>
    sqs.send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle: 'none', VisibilityTimeout: 0 })),
  'sqs:DeleteMessage': ({ sqs }, QueueUrl) => sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: 'none' })),
  'sqs:GetQueueAttributes': ({ sqs }, QueueUrl) => sqs.send(new GetQueueAttributesCommand({ QueueUrl })),
  'sqs:PurgeQueue': ({ sqs }, QueueUrl) => sqs.send(new PurgeQueueCommand({ QueueUrl })),
  'sqs:ReceiveMessage': ({ sqs }, QueueUrl) =>
    sqs.send(new ReceiveMessageCommand({ QueueUrl, VisibilityTimeout: 0, WaitTimeSeconds: 0 })),
  'sqs:SendMessage': ({ sqs }, QueueUrl) => sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: '{}' })),
  'sqs:SetQueueAttributes': ({ sqs }, QueueUrl) =>
    sqs.send(new SetQueueAttributesCommand({ QueueUrl, Attributes: { DelaySeconds: '0' } })),
  'sts:AssumeRole': ({ sts }, name) =>
    sts.send(new AssumeRoleCommand({ RoleArn: `arn:aws:iam::000000000000:role/${name}`, RoleSessionName: 'who-may' })),
}

const administration = 'of the statement that kms:DisableKey and kms:PutKeyPolicy are tried of'

/** Actions that are not tried live, and why. */
export const notTried: Readonly<Record<string, string>> = {
  'iam:PassRole': 'is no call of its own: it is asked within others, for which these roles have no permission either',
  'kms:CreateGrant': 'the emulator has no grants',
  'kms:ReEncryptFrom': 'the emulator has no ReEncrypt',
  'kms:ReEncryptTo': 'the emulator has no ReEncrypt',
  'sns:Publish': 'no role may, and none has anything to do with the topic',
  'sns:SetTopicAttributes': 'as sns:Publish',
  'sns:Subscribe': 'as sns:Publish',
  ...Object.fromEntries(
    [
      ...['CancelKeyDeletion', 'DisableKeyRotation', 'EnableKey', 'EnableKeyRotation', 'GetKeyRotationStatus'],
      ...['ListGrants', 'ListKeyPolicies', 'ListKeyRotations', 'ListResourceTags', 'RevokeGrant', 'TagResource'],
      ...['UntagResource', 'UpdateKeyDescription'],
    ].map((name) => [`kms:${name}`, administration]),
  ),
}

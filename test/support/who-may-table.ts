// Who may do what, in every stage: the whole truth about the policies, to be read and signed. A row that the policies do
// not bear out fails a test, as does one that is missing here. What has no row, nobody of the stack may.

/** Names of roles and services; `administrators` are whoever's own policies allow everything. */
type Who = string | { readonly local?: string; readonly deployed?: string }

/**
 * Rows by subject and action. `deployed` is `dev` and `prod`. Of administrators it tells where somebody could come to the
 * mnemonic, and there also of what nobody may.
 */
const whoMay: Readonly<Record<string, Readonly<Record<string, Who>>>> = {
  VerificationQueue: {
    'sqs:ChangeMessageVisibility': 'Verification',
    'sqs:DeleteMessage': 'Verification',
    'sqs:GetQueueAttributes': 'Verification',
    'sqs:ReceiveMessage': 'Verification',
    'sqs:SendMessage': 'Announce, s3.amazonaws.com',
  },
  'DocumentKey, through s3': {
    'kms:Decrypt': 'Inspect',
    'kms:GenerateDataKey': 'Inspect, Intake',
  },
  DocumentMacKey: {
    'kms:GenerateMac': 'Verification',
  },
  'LogBucket/documents/x': {
    's3:PutObject': 'logging.s3.amazonaws.com',
  },
  'LogBucket/data-keys/x': {
    's3:PutObject': 'logging.s3.amazonaws.com',
  },
  // Makes and opens, never the same.
  DocumentDataKey: {
    'kms:Decrypt': 'Inspect',
    'kms:GenerateDataKeyWithoutPlaintext': 'Verification',
  },
  'DataKeyBucket/keys/x': {
    's3:DeleteObject': 'Erase, Verification',
    's3:GetObject': 'Verification',
    's3:PutObject': 'Verification',
  },
  'LogBucket/audit/x': {
    's3:PutObject': { deployed: 'logging.s3.amazonaws.com' },
  },
  DocumentBucket: {
    's3:ListBucket': 'Inspect',
  },
  'DocumentBucket/incoming/x': {
    's3:DeleteObject': 'Erase, Verification',
    's3:GetObject': 'Inspect',
    's3:PutObject': 'Intake',
  },
  // Nobody of the stack reads what is kept.
  'DocumentBucket/kept/x': {
    's3:DeleteObject': 'Erase, Verification',
    's3:PutObject': 'Inspect',
  },
  'Wallet role': {
    'iam:AttachRolePolicy': 'administrators',
    'iam:PassRole': 'administrators',
    'iam:PutRolePolicy': 'administrators',
    'iam:UpdateAssumeRolePolicy': 'administrators',
    'sts:AssumeRole': { deployed: 'lambda.amazonaws.com', local: 'administrators, lambda.amazonaws.com' },
  },
  'VaultImportRole role': {
    'iam:AttachRolePolicy': 'administrators',
    'iam:PassRole': 'administrators',
    'iam:PutRolePolicy': 'administrators',
    'iam:UpdateAssumeRolePolicy': 'administrators',
    'sts:AssumeRole': 'administrators',
  },
  VaultKey: {
    'kms:CancelKeyDeletion': 'administrators',
    'kms:CreateGrant': 'nobody',
    'kms:Decrypt': 'Wallet',
    'kms:DescribeKey': 'administrators, Operate',
    'kms:DisableKey': 'administrators',
    'kms:DisableKeyRotation': 'administrators',
    'kms:EnableKey': 'administrators',
    'kms:EnableKeyRotation': 'administrators',
    'kms:Encrypt': 'nobody',
    'kms:GenerateDataKey': { deployed: 'VaultImportRole', local: 'Provision, VaultImportRole' },
    'kms:GenerateDataKeyWithoutPlaintext': 'nobody',
    'kms:GetKeyPolicy': 'administrators',
    'kms:GetKeyRotationStatus': 'administrators',
    'kms:ListGrants': 'administrators',
    'kms:ListKeyPolicies': 'administrators',
    'kms:ListKeyRotations': 'administrators',
    'kms:ListResourceTags': 'administrators',
    'kms:PutKeyPolicy': 'administrators',
    'kms:ReEncryptFrom': 'nobody',
    'kms:ReEncryptTo': 'nobody',
    'kms:RevokeGrant': 'administrators',
    'kms:ScheduleKeyDeletion': 'administrators',
    'kms:TagResource': 'administrators',
    'kms:UntagResource': 'administrators',
    'kms:UpdateKeyDescription': 'administrators',
  },
  VaultSecret: {
    'secretsmanager:DeleteSecret': 'administrators',
    'secretsmanager:DescribeSecret': {
      deployed: 'administrators, Announce, VaultImportRole',
      local: 'administrators, Announce, Provision, VaultImportRole',
    },
    'secretsmanager:GetSecretValue': {
      deployed: 'administrators, Operate, VaultImportRole, Wallet',
      local: 'administrators, Operate, Provision, VaultImportRole, Wallet',
    },
    'secretsmanager:PutResourcePolicy': 'administrators',
    'secretsmanager:PutSecretValue': {
      deployed: 'administrators, VaultImportRole',
      local: 'administrators, Provision, VaultImportRole',
    },
    'secretsmanager:UpdateSecret': 'administrators',
    'secretsmanager:UpdateSecretVersionStage': 'administrators',
  },
  'NetworkFlowLogIAMRole role': {
    'sts:AssumeRole': { deployed: 'vpc-flow-logs.amazonaws.com' },
  },
  'DatabaseCluster, secret of its administrator': {
    'secretsmanager:GetSecretValue': { deployed: 'Migrate' },
  },
  'database user app_wallet': {
    'rds-db:connect': { deployed: 'Wallet' },
  },
  'database user app_announce': {
    'rds-db:connect': { deployed: 'Announce' },
  },
  'database user app_intake': {
    'rds-db:connect': { deployed: 'Intake' },
  },
  'database user app_verification': {
    'rds-db:connect': { deployed: 'Verification' },
  },
  'database user app_read': {
    'rds-db:connect': { deployed: 'Read' },
  },
  'database user app_erase': {
    'rds-db:connect': { deployed: 'Erase' },
  },
  'database user app_operate': {
    'rds-db:connect': { deployed: 'Operate' },
  },
  KafkaCluster: {
    'kafka-cluster:Connect': { deployed: 'Announce, Operate, Verification, Wallet' },
    'kafka-cluster:DescribeClusterDynamicConfiguration': { deployed: 'Wallet' },
    'kafka-cluster:WriteDataIdempotently': { deployed: 'Announce, Operate, Verification' },
    'kafka:DescribeClusterV2': { deployed: 'Wallet' },
    'kafka:GetBootstrapBrokers': { deployed: 'DeployCallsIdentityRole, Wallet' },
  },
  'group wallet': {
    'kafka-cluster:AlterGroup': { deployed: 'Wallet' },
    'kafka-cluster:DescribeGroup': { deployed: 'Wallet' },
  },
  // Of its own: names begin so, and it commits no offset.
  'group operate-x': {
    'kafka-cluster:AlterGroup': { deployed: 'Operate' },
    'kafka-cluster:DescribeGroup': { deployed: 'Operate' },
  },
  'topic user.verified': {
    'kafka-cluster:DescribeTopic': { deployed: 'Announce, Operate, Verification, Wallet' },
    'kafka-cluster:ReadData': { deployed: 'Wallet' },
    'kafka-cluster:WriteData': { deployed: 'Announce, Operate, Verification' },
  },
  'topic user.verified.dead-letter': {
    'kafka-cluster:DescribeTopic': { deployed: 'Operate, Wallet' },
    'kafka-cluster:ReadData': { deployed: 'Operate' },
    'kafka-cluster:WriteData': { deployed: 'Wallet' },
  },
  'topic wallet.created': {
    'kafka-cluster:DescribeTopic': { deployed: 'Announce' },
    'kafka-cluster:WriteData': { deployed: 'Announce' },
  },
  AuditBucket: {
    's3:GetBucketAcl': { deployed: 'cloudtrail.amazonaws.com' },
  },
  'AuditBucket/AWSLogs/ACCOUNT/x': {
    's3:PutObject': { deployed: 'cloudtrail.amazonaws.com' },
  },
  'DeployCallsIdentityRole role': {
    'sts:AssumeRole': { deployed: 'lambda.amazonaws.com' },
  },
  'Migrate role': {
    'sts:AssumeRole': 'lambda.amazonaws.com',
  },
  'Migrate function, a version': {
    'lambda:InvokeFunction': 'AWSCDKTriggerCustomResourceProviderCustomResourceProviderRole',
  },
  'Announce role': {
    'sts:AssumeRole': 'lambda.amazonaws.com',
  },
  'Announce function': {
    'lambda:InvokeFunction': 'Intake, Wallet, events.amazonaws.com',
  },
  'Intake role': {
    'sts:AssumeRole': 'lambda.amazonaws.com',
  },
  'Intake function': {
    'lambda:InvokeFunction': 'apigateway.amazonaws.com',
  },
  'Inspect role': {
    'sts:AssumeRole': 'lambda.amazonaws.com',
  },
  'Inspect function': {
    'lambda:InvokeFunction': 'Verification',
  },
  'Verification role': {
    'sts:AssumeRole': 'lambda.amazonaws.com',
  },
  'Wallet function': {
    'lambda:AddPermission': 'administrators',
    'lambda:CreateFunctionUrlConfig': 'administrators',
    'lambda:InvokeFunction': 'administrators',
    'lambda:UpdateFunctionCode': 'administrators',
    'lambda:UpdateFunctionConfiguration': 'administrators',
  },
  'Read role': {
    'sts:AssumeRole': 'lambda.amazonaws.com',
  },
  'Read function': {
    'lambda:InvokeFunction': 'apigateway.amazonaws.com',
  },
  'Erase role': {
    'sts:AssumeRole': 'lambda.amazonaws.com',
  },
  'Erase function': {
    'lambda:InvokeFunction': 'events.amazonaws.com, apigateway.amazonaws.com',
  },
  'Docs role': {
    'sts:AssumeRole': 'lambda.amazonaws.com',
  },
  'Docs function': {
    'lambda:InvokeFunction': 'apigateway.amazonaws.com',
  },
  'Authorize role': {
    'sts:AssumeRole': 'lambda.amazonaws.com',
  },
  'Authorize function': {
    'lambda:InvokeFunction': 'apigateway.amazonaws.com',
  },
  'Operate role': {
    'sts:AssumeRole': 'lambda.amazonaws.com',
  },
  'AWSCDKTriggerCustomResourceProviderCustomResourceProviderRole role': {
    'sts:AssumeRole': 'lambda.amazonaws.com',
  },
  'HttpAccessLogRole role': {
    'sts:AssumeRole': 'apigateway.amazonaws.com',
  },
  AlarmTopic: {
    'sns:Publish': {
      deployed: 'events.amazonaws.com, cloudwatch.amazonaws.com, budgets.amazonaws.com',
      local: 'cloudwatch.amazonaws.com',
    },
  },
  'Provision role': {
    'sts:AssumeRole': { local: 'lambda.amazonaws.com' },
  },
  DatabaseAdminSecret: {
    'secretsmanager:GetSecretValue': { local: 'Migrate' },
  },
  DatabaseIntakeSecret: {
    'secretsmanager:GetSecretValue': { local: 'Intake, Migrate' },
  },
  DatabaseVerificationSecret: {
    'secretsmanager:GetSecretValue': { local: 'Migrate, Verification' },
  },
  DatabaseWalletSecret: {
    'secretsmanager:GetSecretValue': { local: 'Migrate, Wallet' },
  },
  DatabaseAnnounceSecret: {
    'secretsmanager:GetSecretValue': { local: 'Announce, Migrate' },
  },
  DatabaseEraseSecret: {
    'secretsmanager:GetSecretValue': { local: 'Erase, Migrate' },
  },
  DatabaseReadSecret: {
    'secretsmanager:GetSecretValue': { local: 'Migrate, Read' },
  },
  DatabaseOperateSecret: {
    'secretsmanager:GetSecretValue': { local: 'Migrate, Operate' },
  },
}

/** The rows of one stage. */
export function rowsOf(kind: 'local' | 'deployed'): Record<string, Record<string, string>> {
  const pick = (who: Who) => (typeof who === 'string' ? who : who[kind])
  const subjects = Object.entries(whoMay).map(([subject, rows]) => [
    subject,
    Object.fromEntries(
      Object.entries(rows).flatMap(([action, who]) => (pick(who) === undefined ? [] : [[action, pick(who)]])),
    ),
  ])
  return Object.fromEntries(subjects.filter(([, rows]) => Object.keys(rows ?? {}).length > 0))
}

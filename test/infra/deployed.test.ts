// What only a deployed stage has: its network, its Kafka with the mapping that reads it, its database.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { App, Stack } from 'aws-cdk-lib'
import { Template as Assertions, Match } from 'aws-cdk-lib/assertions'
import {
  CfnEventSourceMapping,
  Code,
  EventSourceMapping,
  Function as LambdaFunction,
  Runtime,
} from 'aws-cdk-lib/aws-lambda'
import { describe, expect, test } from 'vitest'
import { groupPrefix } from '../../functions/operate/read-topic.ts'
import { requirePartialResponses } from '../../lib/partial-responses.ts'
import { deployedStage, type Resource, resourcesOf, statements, synthesise, type Template, write } from './templates.ts'

const stages = { dev: deployedStage('dev'), prod: deployedStage('prod') }
const templates = { dev: synthesise(stages.dev), prod: synthesise(stages.prod) }
const names = ['dev', 'prod'] as const

/** Functions that work on the database, Kafka or the vault; the others have no business in the network. */
const inNetwork = ['Announce', 'Erase', 'Intake', 'Migrate', 'Operate', 'Read', 'Verification', 'Wallet']

function functionOf(service: Template, name: string): Resource {
  const output = service.Outputs[`${name}FunctionName`] as { Value: { Ref: string } } | undefined
  const resource = service.Resources[output?.Value.Ref ?? '']
  if (resource === undefined) throw new Error(`expected a function ${name} in the template`)
  return resource
}

const functionNames = (service: Template) =>
  Object.keys(service.Outputs).flatMap((name) => /^(\w+)FunctionName$/.exec(name)?.[1] ?? [])

/** The statements of a function's own policy by their sids. */
function permissionsOf(name: (typeof names)[number], functionName: string) {
  const { data, service } = templates[name]
  const role = write(functionOf(service, functionName).Properties.Role, data).replace(/\.Arn>$/, '>')
  const policies = resourcesOf(service, 'AWS::IAM::Policy').filter(([, { Properties }]) =>
    (Properties.Roles as unknown[]).some((attached) => write(attached, data) === role),
  )
  return Object.fromEntries(
    policies
      .flatMap(([, { Properties }]) => statements(Properties.PolicyDocument, data))
      .map(({ sid, actions, resources }) => [sid, { actions: actions.toSorted(), resources }]),
  )
}

/** What a function's security group lets out, as `port target`. */
function waysOf(name: (typeof names)[number], functionName: string): string[] {
  const { data, service } = templates[name]
  const { SecurityGroupIds } = functionOf(service, functionName).Properties.VpcConfig as { SecurityGroupIds: unknown[] }
  expect(SecurityGroupIds).toHaveLength(1)
  const id = write(SecurityGroupIds[0], data)
    .slice(1)
    .replace(/\.GroupId>$/, '')
  const egress = service.Resources[id]?.Properties.SecurityGroupEgress as Record<string, unknown>[]
  return egress
    .map((rule) => `${rule.ToPort} ${rule.CidrIp ?? write(rule.DestinationSecurityGroupId, data)}`)
    .map((way) => way.replace(/<Network(kms|lambda|secretsmanager|sqs)Group\w+\.GroupId>/, '$1'))
    .toSorted()
}

describe.each(names)('the network of %s', (name) => {
  const { data, service } = templates[name]
  const { network } = stages[name]
  const zones = network?.availabilityZones ?? 0

  test('has no way to the internet: isolated subnets, no gateway, no address that the world sees', () => {
    const subnets = resourcesOf(data, 'AWS::EC2::Subnet')
    expect(subnets.map(([id]) => id)).toEqual(Array.from({ length: zones }, (_, index) => `Subnet${index + 1}`))
    for (const [id, subnet] of subnets) expect(subnet.Properties.MapPublicIpOnLaunch, id).toBe(false)
    const types = [...Object.values(data.Resources), ...Object.values(service.Resources)].map(({ Type }) => Type)
    expect(
      types.filter((type) => /^AWS::EC2::(InternetGateway|NatGateway|EIP|Route|VPCGatewayAttachment)$/.test(type)),
    ).toEqual([])
  })

  test('spans zones that differ, and asks no account for them', () => {
    const subnets = resourcesOf(data, 'AWS::EC2::Subnet').map(([, { Properties }]) => Properties.AvailabilityZone)
    expect(subnets).toEqual(
      Array.from({ length: zones }, (_, index) => ({ 'Fn::Select': [index, { 'Fn::GetAZs': '' }] })),
    )
  })

  test('has endpoints for what its functions call, closed to strangers, and no other', () => {
    const endpoints = resourcesOf(data, 'AWS::EC2::VPCEndpoint')
    const kinds = endpoints.map(
      ([, { Properties }]) => `${Properties.VpcEndpointType} ${write(Properties.ServiceName).split('.').at(-1)}`,
    )
    expect(kinds.toSorted()).toEqual([
      ...['Gateway s3', 'Interface kms', 'Interface lambda', 'Interface secretsmanager', 'Interface sqs'],
    ])
    for (const [id, { Properties }] of endpoints) {
      expect(statements(Properties.PolicyDocument), id).toMatchObject([
        {
          effect: 'Allow',
          conditions: {
            StringEquals: { 'aws:PrincipalAccount': '111122223333', 'aws:ResourceAccount': '111122223333' },
          },
        },
      ])
    }
  })

  test('logs its flows, for as long as the stage says', () => {
    const [[, log]] = resourcesOf(data, 'AWS::EC2::FlowLog') as [[string, Resource]]
    expect(log.Properties).toMatchObject({ ResourceId: { Ref: 'Vpc' }, TrafficType: 'ALL' })
    const { Ref } = log.Properties.LogGroupName as { Ref: string }
    expect(data.Resources[Ref]?.Properties.RetentionInDays).toBe(network?.flowLogDays)
  })

  test('has its default security group closed by the service stack, both ways', () => {
    const group = '<Vpc.DefaultSecurityGroup>'
    const closed = ['Custom::CloseIngress', 'Custom::CloseEgress'].map((type) => {
      const [[, resource]] = resourcesOf(service, type) as [[string, Resource]]
      return JSON.parse(write(resource.Properties.Create, data))
    })
    expect(closed).toMatchObject([
      {
        action: 'RevokeSecurityGroupIngress',
        parameters: {
          GroupId: group,
          IpPermissions: [{ IpProtocol: '-1', UserIdGroupPairs: [{ UserId: '111122223333', GroupId: group }] }],
        },
      },
      {
        action: 'RevokeSecurityGroupEgress',
        parameters: { GroupId: group, IpPermissions: [{ IpProtocol: '-1', IpRanges: [{ CidrIp: '0.0.0.0/0' }] }] },
      },
    ])
  })

  test("holds the functions that need it, and no other: who parses strangers' bytes or tokens is outside", () => {
    const inside = functionNames(service).filter((each) => 'VpcConfig' in functionOf(service, each).Properties)
    expect(inside.toSorted()).toEqual(inNetwork)
    for (const each of inside) {
      const { SubnetIds } = functionOf(service, each).Properties.VpcConfig as { SubnetIds: unknown[] }
      expect(
        SubnetIds.map((id) => write(id, data)),
        each,
      ).toEqual(Array.from({ length: zones }, (_, index) => `<Subnet${index + 1}>`))
    }
  })

  test.each([
    ['Read', ['5432 <DatabaseSecurityGroup.GroupId>']],
    ['Migrate', ['443 secretsmanager', '5432 <DatabaseSecurityGroup.GroupId>']],
    ['Intake', ['443 0.0.0.0/0', '443 lambda', '5432 <DatabaseSecurityGroup.GroupId>']],
    [
      'Verification',
      [
        ...['443 0.0.0.0/0', '443 kms', '443 lambda', '5432 <DatabaseSecurityGroup.GroupId>'],
        '9098 <KafkaSecurityGroup.GroupId>',
      ],
    ],
    ['Erase', ['443 0.0.0.0/0', '5432 <DatabaseSecurityGroup.GroupId>']],
    [
      'Announce',
      ['443 secretsmanager', '443 sqs', '5432 <DatabaseSecurityGroup.GroupId>', '9098 <KafkaSecurityGroup.GroupId>'],
    ],
    ['Wallet', ['443 kms', '443 lambda', '443 secretsmanager', '5432 <DatabaseSecurityGroup.GroupId>']],
    [
      'Operate',
      ['443 kms', '443 secretsmanager', '5432 <DatabaseSecurityGroup.GroupId>', '9098 <KafkaSecurityGroup.GroupId>'],
    ],
  ])('lets %s call %j, and answers it there before it first runs', (functionName, ways) => {
    expect(waysOf(name, functionName)).toEqual(ways)
    const { SecurityGroupIds } = functionOf(service, functionName).Properties.VpcConfig as {
      SecurityGroupIds: unknown[]
    }
    const own = JSON.stringify(SecurityGroupIds[0])
    const answers = resourcesOf(service, 'AWS::EC2::SecurityGroupIngress').filter(
      ([, { Properties }]) => JSON.stringify(Properties.SourceSecurityGroupId) === own,
    )
    expect(answers.map(([, { Properties }]) => Properties.ToPort).toSorted()).toEqual(
      ways.filter((way) => !way.endsWith('0.0.0.0/0')).map((way) => Number(way.split(' ')[0])),
    )
    expect(functionOf(service, functionName).DependsOn).toEqual(expect.arrayContaining(answers.map(([id]) => id)))
  })

  test("lets nobody in but those functions and Kafka's own pollers", () => {
    const groups = [data, service].flatMap((template) => resourcesOf(template, 'AWS::EC2::SecurityGroup'))
    expect(groups.filter(([, { Properties }]) => Properties.SecurityGroupIngress !== undefined)).toEqual([])
    // A group that names no way out gets one to anywhere from EC2.
    expect(
      groups.filter(([, { Properties }]) => !(Properties.SecurityGroupEgress as unknown[] | undefined)?.length),
    ).toEqual([])
    const rules = resourcesOf(data, 'AWS::EC2::SecurityGroupIngress').map(([, { Properties }]) => Properties)
    expect(rules).toMatchObject([
      {
        GroupId: { 'Fn::GetAtt': ['KafkaSecurityGroup', 'GroupId'] },
        SourceSecurityGroupId: { 'Fn::GetAtt': ['KafkaSecurityGroup', 'GroupId'] },
        FromPort: 9098,
        ToPort: 9098,
      },
    ])
  })

  test("is joined by Lambda in a function's name, and by no code of the function", () => {
    for (const each of inNetwork) {
      const { JoinNetwork, ButNotByOwnCode } = permissionsOf(name, each)
      expect(ButNotByOwnCode, each).toEqual(JoinNetwork)
      expect(
        JoinNetwork?.actions.every((action) => action.startsWith('ec2:')),
        each,
      ).toBe(true)
    }
    const denials = resourcesOf(service, 'AWS::IAM::Policy')
      .flatMap(([, { Properties }]) => statements(Properties.PolicyDocument, data))
      .filter(({ sid }) => sid === 'ButNotByOwnCode')
    expect(denials).toHaveLength(inNetwork.length)
    for (const denial of denials) {
      expect(denial).toMatchObject({
        effect: 'Deny',
        conditions: { Null: { 'lambda:SourceFunctionArn': 'false' } },
      })
    }
  })
})

describe.each(names)('Kafka of %s', (name) => {
  const { data, service } = templates[name]
  const stage = stages[name]
  const cluster = data.Resources.KafkaCluster?.Properties ?? {}

  test('is in KRaft mode, private, and speaks TLS to who signs in by IAM, and to nobody else', () => {
    expect(cluster).toMatchObject({
      KafkaVersion: expect.stringMatching(/\.kraft$/),
      ClientAuthentication: { Sasl: { Iam: { Enabled: true } }, Unauthenticated: { Enabled: false } },
      EncryptionInfo: {
        EncryptionAtRest: { DataVolumeKMSKeyId: { 'Fn::GetAtt': ['StorageKey', 'Arn'] } },
        EncryptionInTransit: { ClientBroker: 'TLS', InCluster: true },
      },
      LoggingInfo: { BrokerLogs: { CloudWatchLogs: { Enabled: true } } },
    })
    expect(cluster.BrokerNodeGroupInfo).not.toHaveProperty('ConnectivityInfo')
  })

  test('has the brokers of its row', () => {
    const brokers = {
      dev: { NumberOfBrokerNodes: 2, type: 'kafka.t3.small' },
      prod: { NumberOfBrokerNodes: 3, type: 'express.m7g.large' },
    }
    expect(cluster.NumberOfBrokerNodes).toBe(brokers[name].NumberOfBrokerNodes)
    const { InstanceType, StorageInfo } = cluster.BrokerNodeGroupInfo as Record<string, unknown>
    expect(InstanceType).toBe(brokers[name].type)
    // Express brokers refuse to be told the size of a disk that is not there.
    expect(StorageInfo !== undefined).toBe(name === 'dev')
  })

  test('makes no topic by itself, and tells an express broker nothing that it fixes', () => {
    const [[, { Properties }]] = resourcesOf(data, 'AWS::MSK::Configuration') as [[string, Resource]]
    const properties = String(Properties.ServerProperties).trim().split('\n')
    expect(properties).toContain('auto.create.topics.enable=false')
    if (name === 'prod') expect(properties).toHaveLength(1)
    else expect(properties).toContain('min.insync.replicas=1')
  })

  test("has every topic of the stage table declared, the dead letters' as well", () => {
    const declared = resourcesOf(data, 'AWS::MSK::Topic').map(([id, { Properties }]) => [id, Properties])
    const expected = Object.entries(stage.topics).map(([key, topic]) => [
      `${key.charAt(0).toUpperCase()}${key.slice(1)}Topic`,
      {
        ClusterArn: { 'Fn::GetAtt': ['KafkaCluster', 'Arn'] },
        TopicName: topic.name,
        PartitionCount: topic.partitions,
        ReplicationFactor: name === 'prod' ? 3 : 2,
        Configs: { 'Fn::Base64': JSON.stringify({ 'retention.ms': String(topic.retentionHours * 3_600_000) }) },
      },
    ])
    expect(Object.fromEntries(declared)).toEqual(Object.fromEntries(expected))
  })

  test('has its brokers asked for by the service stack, anew when the cluster changes', () => {
    const key = (template: Template) => {
      const [[, resource]] = resourcesOf(template, 'Custom::BootstrapBrokers') as [[string, Resource]]
      return JSON.parse(write(resource.Properties.Update, data))
    }
    expect(key(service)).toMatchObject({
      service: 'Kafka',
      action: 'GetBootstrapBrokers',
      parameters: { ClusterArn: '<KafkaCluster.Arn>' },
      outputPaths: ['BootstrapBrokerStringSaslIam'],
    })
    const { kafka } = stage
    if (kafka.kind !== 'msk') throw new Error('expected a cluster')
    const grown = synthesise({ ...stage, kafka: { ...kafka, brokers: 2 * kafka.brokers } })
    expect(key(grown.service).physicalResourceId).not.toEqual(key(service).physicalResourceId)
  })

  test('is told to whom publishes, with how to sign in', () => {
    for (const each of ['Verification', 'Announce', 'Operate']) {
      const { Variables } = functionOf(service, each).Properties.Environment as { Variables: Record<string, unknown> }
      expect(Variables.KAFKA_AUTHENTICATION, each).toBe('iam')
      expect(write(Variables.KAFKA_BOOTSTRAP_SERVERS), each).toMatch(
        /^<DeployCallsBootstrapBrokers\w+\.BootstrapBrokerStringSaslIam>$/,
      )
    }
  })

  const arn = (kind: string, resource: string) =>
    `<KafkaCluster.Arn>[:cluster/ 0]:${kind}/<KafkaCluster.Arn>[:cluster/ 1]/${resource}`

  test.each([
    ['Verification', { PublishUserVerified: 'user.verified' }],
    ['Announce', { PublishUserVerified: 'user.verified', PublishWalletCreated: 'wallet.created' }],
  ])('lets %s publish to its topics, and read none', (functionName, topics) => {
    const { ConnectToKafka, ...others } = permissionsOf(name, functionName)
    expect(ConnectToKafka).toEqual({
      actions: ['kafka-cluster:Connect', 'kafka-cluster:WriteDataIdempotently'],
      resources: ['<KafkaCluster.Arn>'],
    })
    const onTopics = Object.entries(others).filter(([, { actions }]) =>
      actions.some((action) => action.startsWith('kafka')),
    )
    expect(Object.fromEntries(onTopics)).toEqual(
      Object.fromEntries(
        Object.entries(topics).map(([sid, topic]) => [
          sid,
          { actions: ['kafka-cluster:DescribeTopic', 'kafka-cluster:WriteData'], resources: [arn('topic', topic)] },
        ]),
      ),
    )
  })

  test('lets the pollers read one topic as one group in the name of Wallet, and write dead letters', () => {
    const permissions = Object.entries(permissionsOf(name, 'Wallet')).filter(([, { actions }]) =>
      actions.some((action) => action.startsWith('kafka')),
    )
    expect(Object.fromEntries(permissions)).toEqual({
      FindKafka: {
        actions: ['kafka:DescribeClusterV2', 'kafka:GetBootstrapBrokers'],
        resources: ['<KafkaCluster.Arn>'],
      },
      ConnectToKafka: {
        actions: ['kafka-cluster:Connect', 'kafka-cluster:DescribeClusterDynamicConfiguration'],
        resources: ['<KafkaCluster.Arn>'],
      },
      ConsumeUserVerified: {
        actions: ['kafka-cluster:DescribeTopic', 'kafka-cluster:ReadData'],
        resources: [arn('topic', 'user.verified')],
      },
      CommitOffsets: {
        actions: ['kafka-cluster:AlterGroup', 'kafka-cluster:DescribeGroup'],
        resources: [arn('group', 'wallet')],
      },
      SetDeadLettersAside: {
        actions: ['kafka-cluster:DescribeTopic', 'kafka-cluster:WriteData'],
        resources: [arn('topic', 'user.verified.dead-letter')],
      },
    })
  })

  test('lets Operate read dead letters in groups of its own, and publish them where they came from', () => {
    const permissions = Object.entries(permissionsOf(name, 'Operate')).filter(([, { actions }]) =>
      actions.some((action) => action.startsWith('kafka')),
    )
    expect(Object.fromEntries(permissions)).toEqual({
      ConnectToKafka: {
        actions: ['kafka-cluster:Connect', 'kafka-cluster:WriteDataIdempotently'],
        resources: ['<KafkaCluster.Arn>'],
      },
      PublishUserVerified: {
        actions: ['kafka-cluster:DescribeTopic', 'kafka-cluster:WriteData'],
        resources: [arn('topic', 'user.verified')],
      },
      ReadDeadLetters: {
        actions: ['kafka-cluster:DescribeTopic', 'kafka-cluster:ReadData'],
        resources: [arn('topic', 'user.verified.dead-letter')],
      },
      ReadInOwnGroups: {
        actions: ['kafka-cluster:AlterGroup', 'kafka-cluster:DescribeGroup'],
        resources: [arn('group', `${groupPrefix}*`)],
      },
    })
  })

  test('lets no other function near', () => {
    for (const each of functionNames(service)) {
      if (['Verification', 'Announce', 'Operate', 'Wallet'].includes(each)) continue
      const actions = Object.values(permissionsOf(name, each)).flatMap((permission) => permission.actions)
      expect(
        actions.filter((action) => action.startsWith('kafka')),
        each,
      ).toEqual([])
    }
  })
})

describe.each(names)('the trigger of %s', (name) => {
  const { data, service } = templates[name]
  const { kafka, walletTrigger } = stages[name]
  const mappings = resourcesOf(service, 'AWS::Lambda::EventSourceMapping').filter(
    ([, { Properties }]) => 'Topics' in Properties,
  )

  test('is one mapping in provisioned mode, with the settings of the local trigger', () => {
    expect(mappings).toHaveLength(1)
    const [[, { Properties }]] = mappings as [[string, Resource]]
    if (kafka.kind !== 'msk') throw new Error('expected a cluster')
    expect(write(Properties.EventSourceArn, data)).toBe('<KafkaCluster.Arn>')
    expect(service.Resources[(Properties.FunctionName as { Ref: string }).Ref]).toBe(functionOf(service, 'Wallet'))
    expect(Properties).toMatchObject({
      Topics: [walletTrigger.topic],
      AmazonManagedKafkaEventSourceConfig: { ConsumerGroupId: walletTrigger.consumerGroupId },
      BatchSize: walletTrigger.batchSize,
      MaximumBatchingWindowInSeconds: walletTrigger.maximumBatchingWindowSeconds,
      MaximumRetryAttempts: walletTrigger.maximumRetryAttempts,
      MaximumRecordAgeInSeconds: walletTrigger.maximumRecordAgeSeconds,
      BisectBatchOnFunctionError: walletTrigger.bisectBatchOnFunctionError,
      DestinationConfig: { OnFailure: { Destination: `kafka://${walletTrigger.onFailureTopic}` } },
      // As the local trigger begins where nothing was committed, and answers by offsets.
      StartingPosition: 'TRIM_HORIZON',
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      ProvisionedPollerConfig: { MinimumPollers: kafka.pollers.minimum, MaximumPollers: kafka.pollers.maximum },
    })
  })

  test('filters nothing: Lambda takes what a filter leaves out for done', () => {
    for (const [id, { Properties }] of mappings) expect(Properties, id).not.toHaveProperty('FilterCriteria')
  })

  test('has no more invocations at once than partitions, and a function that may run as often', () => {
    const { ReservedConcurrentExecutions } = functionOf(service, 'Wallet').Properties
    expect(ReservedConcurrentExecutions).toBe(name === 'prod' ? walletTrigger.maximumConcurrency : undefined)
    expect(walletTrigger.maximumConcurrency).toBeLessThanOrEqual(stages[name].topics.userVerified.partitions)
  })
})

describe('a mapping', () => {
  const mapped = (properties: Partial<ConstructorParameters<typeof EventSourceMapping>[2]>) => {
    const app = new App({ analyticsReporting: false })
    const stack = new Stack(app, 'stack', { env: { account: '111122223333', region: 'us-east-1' } })
    requirePartialResponses(stack)
    const target = new LambdaFunction(stack, 'Function', {
      runtime: Runtime.NODEJS_24_X,
      handler: 'index.handler',
      code: Code.fromInline('exports.handler = async () => {}'),
    })
    const arn = 'arn:aws:kafka:us-east-1:111122223333:cluster/c/u'
    new EventSourceMapping(stack, 'Mapping', { target, eventSourceArn: arn, ...properties } as never)
    return () => {
      const before = process.env.CDK_VALIDATION
      process.env.CDK_VALIDATION = 'false'
      try {
        return app.synth().getStackByName('stack').template as Template
      } finally {
        if (before === undefined) delete process.env.CDK_VALIDATION
        else process.env.CDK_VALIDATION = before
      }
    }
  }
  const pollers = { minimumPollers: 1, maximumPollers: 1 }
  const topic = { kafkaTopic: 'topic', startingPosition: 'TRIM_HORIZON' as never }

  test('without partial responses fails the synthesis', () => {
    expect(mapped({})).toThrow('expected ReportBatchItemFailures of the event source mapping stack/Mapping/Resource')
    expect(mapped({ reportBatchItemFailures: false })).toThrow('ReportBatchItemFailures')
  })

  test('of Kafka that is not provisioned fails as well, since it would not know them', () => {
    expect(mapped({ ...topic, reportBatchItemFailures: true })).toThrow(
      'expected provisioned mode of the Kafka mapping',
    )
  })

  test('with both passes', () => {
    const template = mapped({ ...topic, reportBatchItemFailures: true, provisionedPollerConfig: pollers })()
    expect(resourcesOf(template, CfnEventSourceMapping.CFN_RESOURCE_TYPE_NAME)).toHaveLength(1)
  })
})

describe.each(names)('the database of %s', (name) => {
  const { data, service } = templates[name]
  const cluster = data.Resources.DatabaseCluster?.Properties ?? {}
  const roles = ['Intake', 'Verification', 'Wallet', 'Announce', 'Read', 'Erase', 'Operate']

  test('is Aurora PostgreSQL 17 that scales by itself, private, encrypted, backed up, kept where the stage says so', () => {
    expect(cluster).toMatchObject({
      Engine: 'aurora-postgresql',
      EngineVersion: expect.stringMatching(/^17\./),
      StorageEncrypted: true,
      KmsKeyId: { 'Fn::GetAtt': ['StorageKey', 'Arn'] },
      EnableIAMDatabaseAuthentication: true,
      EnableHttpEndpoint: false,
      EnableCloudwatchLogsExports: ['postgresql'],
      CopyTagsToSnapshot: true,
      BackupRetentionPeriod: name === 'prod' ? 35 : 7,
      DeletionProtection: name === 'prod',
      ServerlessV2ScalingConfiguration:
        name === 'prod' ? { MinCapacity: 1, MaxCapacity: 8 } : { MinCapacity: 0.5, MaxCapacity: 4 },
    })
    const instances = resourcesOf(data, 'AWS::RDS::DBInstance')
    expect(instances).toHaveLength(name === 'prod' ? 2 : 1)
    for (const [id, { Properties }] of instances) {
      expect(Properties, id).toMatchObject({ DBInstanceClass: 'db.serverless', PubliclyAccessible: false })
    }
  })

  test('refuses connections without TLS, and logs no value of a statement', () => {
    Assertions.fromJSON(data).hasResourceProperties('AWS::RDS::DBClusterParameterGroup', {
      Family: 'aurora-postgresql17',
      Parameters: Match.objectLike({
        'rds.force_ssl': '1',
        log_statement: 'ddl',
        log_parameter_max_length: '0',
        idle_in_transaction_session_timeout: '60000',
      }),
    })
  })

  test('has an administrator whose password RDS makes and rotates, and no secret of ours', () => {
    expect(cluster).toMatchObject({ ManageMasterUserPassword: true, MasterUsername: 'administrator' })
    expect(cluster).not.toHaveProperty('MasterUserPassword')
    expect(resourcesOf(data, 'AWS::SecretsManager::Secret').map(([id]) => id)).toEqual(['VaultSecret'])
  })

  test.each(roles)('lets %s sign in as its own role by IAM, over TLS, with no secret', (functionName) => {
    const { Variables } = functionOf(service, functionName).Properties.Environment as {
      Variables: Record<string, unknown>
    }
    const user = `app_${functionName.toLowerCase()}`
    expect(Variables).toMatchObject({ DATABASE_LOGIN: `iam:${user}`, DATABASE_TLS: 'rds', DATABASE_NAME: 'wallets' })
    expect(write(Variables.DATABASE_HOST, data)).toBe('<DatabaseCluster.Endpoint.Address>')
    const { SignInToDatabase, ...others } = permissionsOf(name, functionName)
    expect(SignInToDatabase).toEqual({
      actions: ['rds-db:connect'],
      resources: [`arn:aws:rds-db:us-east-1:111122223333:dbuser:<DatabaseCluster.DBClusterResourceId>/${user}`],
    })
    expect(Object.keys(others)).not.toContain('ReadOwnDatabaseSecret')
  })

  test("lets migrate alone read the administrator's secret, and tells it of no role's", () => {
    const { Variables } = functionOf(service, 'Migrate').Properties.Environment as {
      Variables: Record<string, unknown>
    }
    expect(write(Variables.DATABASE_LOGIN, data)).toBe('secret:<DatabaseCluster.MasterUserSecret.SecretArn>')
    expect(Variables.DATABASE_ROLE_SECRETS).toBe('{}')
    const readers = functionNames(service).filter((each) =>
      Object.values(permissionsOf(name, each)).some(({ resources }) =>
        resources.includes('<DatabaseCluster.MasterUserSecret.SecretArn>'),
      ),
    )
    expect(readers).toEqual(['Migrate'])
  })
})

test('prod bounds every function that opens a connection, twice over while a deploy replaces them, below max_connections', () => {
  const { service } = templates.prod
  const { database } = stages.prod
  const connecting = functionNames(service).filter((each) => {
    const { Variables } = functionOf(service, each).Properties.Environment as { Variables: Record<string, unknown> }
    return 'DATABASE_HOST' in Variables
  })
  // One each for migrate and for an operator; whatever else has no bound of its own has none at all.
  const connections = connecting.map((each) =>
    each === 'Migrate' || each === 'Operate'
      ? 1
      : Number(functionOf(service, each).Properties.ReservedConcurrentExecutions ?? Number.POSITIVE_INFINITY),
  )
  expect(connections.length).toBeGreaterThan(7)
  const sum = connections.reduce((total, count) => total + count)
  expect(2 * sum).toBeLessThan(database.kind === 'aurora' ? database.maximumConnections : 0)
  const decisions = readFileSync(join(import.meta.dirname, '../../docs/decisions.md'), 'utf8')
  expect(decisions).toContain(
    `one for an operator: ${sum}.\nWhile a deploy replaces containers there are twice as many, ${2 * sum}.`,
  )
})

describe.each(names)('the stacks of %s', (name) => {
  const { data, service } = templates[name]

  test('run no code of the data stack', () => {
    const types = Object.values(data.Resources).map(({ Type }) => Type)
    expect(types.filter((type) => /^(AWS::Lambda|Custom::|AWS::CloudFormation::CustomResource)/.test(type))).toEqual([])
  })

  test('have the ids of what is stateful pinned: a new id is a new, empty resource', () => {
    const stateful =
      /^AWS::(S3::Bucket|SQS::Queue|KMS::Key|SecretsManager::Secret|RDS::DBCluster|MSK::(Cluster|Topic)|Cognito::UserPool|EC2::(VPC|Subnet))$/
    const ids = Object.entries(data.Resources)
      .filter(([, { Type }]) => stateful.test(Type))
      .map(([id]) => id)
    expect(ids).toEqual(
      expect.arrayContaining([
        ...['DatabaseCluster', 'DocumentBucket', 'KafkaCluster', 'StorageKey', 'Subnet1', 'Subnet2'],
        ...['UserPool', 'UserVerifiedDeadLetterTopic', 'UserVerifiedTopic', 'VaultKey', 'VaultSecret'],
        ...['VerificationDeadLetterQueue', 'VerificationQueue', 'Vpc', 'WalletCreatedTopic'],
      ]),
    )
    // CDK's own ids end in eight hexadecimal digits: none of these does.
    expect(ids.filter((id) => /[0-9A-F]{8}$/.test(id))).toEqual([])
  })

  test('have no function that makes a mnemonic, and a wallet function that opens none yet', () => {
    expect(service.Outputs).not.toHaveProperty('ProvisionFunctionName')
    const { Variables } = functionOf(service, 'Wallet').Properties.Environment as { Variables: Record<string, unknown> }
    expect(Variables).toMatchObject({ ROOT_COMMITMENT: 'none', ACCEPT_PUBLIC_MNEMONICS: 'false' })
  })

  test("give CDK's function for calls of the SDK the rights of these calls", () => {
    const policies = resourcesOf(service, 'AWS::IAM::Policy').filter(([id]) => id.startsWith('DeployCalls'))
    expect(policies).toHaveLength(1)
    const [[, { Properties }]] = policies as [[string, Resource]]
    expect(
      statements(Properties.PolicyDocument, data).map(({ sid, actions, resources }) => ({ sid, actions, resources })),
    ).toEqual([
      {
        sid: 'WriteOwnLogs',
        actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
        resources: [expect.stringMatching(/^<DeployCallsLogs\w+\.Arn>$/)],
      },
      { sid: 'AskForBrokers', actions: ['kafka:GetBootstrapBrokers'], resources: ['<KafkaCluster.Arn>'] },
      {
        sid: 'CloseDefaultSecurityGroup',
        actions: ['ec2:RevokeSecurityGroupEgress', 'ec2:RevokeSecurityGroupIngress'],
        resources: ['arn:aws:ec2:us-east-1:111122223333:security-group/<Vpc.DefaultSecurityGroup>'],
      },
    ])
  })
})

test('prod keeps what is stateful when a stack is deleted or a resource replaced', () => {
  const stateful =
    /^AWS::(S3::Bucket|SQS::Queue|KMS::Key|SecretsManager::Secret|RDS::DBCluster|MSK::(Cluster|Topic)|Cognito::UserPool|Logs::LogGroup)$/
  const { data, service } = templates.prod
  const lost = [...Object.entries(data.Resources), ...Object.entries(service.Resources)]
    .filter(([, { Type }]) => stateful.test(Type))
    .filter(
      ([, resource]) => resource.DeletionPolicy !== 'RetainExceptOnCreate' || resource.UpdateReplacePolicy !== 'Retain',
    )
  expect(lost).toEqual([])
})

test('what outlives the service stack has no name that the next one would need: it can be made again', () => {
  const kept = Object.entries(templates.prod.service.Resources).filter(
    ([, { DeletionPolicy = 'Delete' }]) => DeletionPolicy !== 'Delete',
  )
  expect(kept.length).toBeGreaterThan(10)
  const named = kept.flatMap(([id, { Properties = {} }]) =>
    Object.entries(Properties)
      .filter(([property, value]) => property.endsWith('Name') && !write(value).includes('AWS::StackId'))
      .map(([property]) => `${id} ${property}`),
  )
  expect(named).toEqual([])
})

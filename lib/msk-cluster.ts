// Kafka of a deployed stage: the cluster, its settings and its topics. Who may do what there is in `event-stream.ts`.
import { Fn, RemovalPolicy } from 'aws-cdk-lib'
import { CfnSecurityGroupEgress, Port, SecurityGroup } from 'aws-cdk-lib/aws-ec2'
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs'
import { CfnCluster, CfnConfiguration, CfnTopic } from 'aws-cdk-lib/aws-msk'
import { Construct } from 'constructs'
import { pinLogicalId } from './logical-id.ts'
import type { MskKafka, Stage, Topic } from './stage.ts'
import type { StorageKey } from './storage-key.ts'
import type { Vpc } from './vpc.ts'

export interface MskClusterProps {
  readonly stage: Stage
  readonly kafka: MskKafka
  readonly vpc: Vpc
  readonly storageKey: StorageKey
}

/** Port of brokers for clients that sign in by IAM, over TLS. */
export const iamPort = 9098

/** The cluster and its topics. */
export class MskCluster extends Construct {
  readonly cluster: CfnCluster
  /** Of the brokers, and of Lambda's pollers, which it gives the cluster's own group. */
  readonly securityGroup: SecurityGroup

  constructor(scope: Construct, id: string, props: MskClusterProps) {
    super(scope, id)
    const { stage, kafka, vpc } = props
    const removalPolicy = stage.keepsData ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY

    this.securityGroup = new SecurityGroup(this, 'SecurityGroup', {
      vpc: vpc.vpc,
      description: 'Brokers, and pollers of the event source mapping',
      allowAllOutbound: false,
    })
    this.securityGroup.addIngressRule(this.securityGroup, Port.tcp(iamPort), 'Pollers to brokers')
    // Not by the group's own method: it would leave the group without a rule inside, and EC2 then adds one to anywhere.
    new CfnSecurityGroupEgress(this, 'PollersToBrokers', {
      groupId: this.securityGroup.securityGroupId,
      destinationSecurityGroupId: this.securityGroup.securityGroupId,
      ipProtocol: 'tcp',
      fromPort: iamPort,
      toPort: iamPort,
      description: 'Pollers to brokers',
    })
    pinLogicalId(this.securityGroup, 'KafkaSecurityGroup')

    const logs = new LogGroup(this, 'Logs', { retention: RetentionDays.ONE_MONTH, removalPolicy })
    const configuration = new CfnConfiguration(this, 'Configuration', {
      name: `verified-wallets-${stage.name}`,
      kafkaVersionsList: [kafka.version],
      serverProperties: toProperties(kafka),
    })
    this.cluster = new CfnCluster(this, 'Cluster', {
      clusterName: `verified-wallets-${stage.name}`,
      kafkaVersion: kafka.version,
      numberOfBrokerNodes: kafka.brokers,
      brokerNodeGroupInfo: {
        instanceType: kafka.brokerType,
        clientSubnets: vpc.vpc.isolatedSubnets.map(({ subnetId }) => subnetId),
        securityGroups: [this.securityGroup.securityGroupId],
        ...(kafka.storageGib === undefined
          ? {}
          : { storageInfo: { ebsStorageInfo: { volumeSize: kafka.storageGib } } }),
      },
      configurationInfo: { arn: configuration.attrArn, revision: configuration.attrLatestRevisionRevision },
      clientAuthentication: { sasl: { iam: { enabled: true } }, unauthenticated: { enabled: false } },
      encryptionInfo: {
        encryptionAtRest: { dataVolumeKmsKeyId: props.storageKey.key.keyArn },
        encryptionInTransit: { clientBroker: 'TLS', inCluster: true },
      },
      // Free, and it has the lag of consumers and the load of brokers; each level above is paid by the metric.
      enhancedMonitoring: 'DEFAULT',
      loggingInfo: { brokerLogs: { cloudWatchLogs: { enabled: true, logGroup: logs.logGroupName } } },
    })
    this.cluster.applyRemovalPolicy(removalPolicy)
    pinLogicalId(this.cluster, 'KafkaCluster')

    const topics = Object.entries(stage.topics) as [keyof Stage['topics'], Topic][]
    for (const [name, topic] of topics) {
      const declared = new CfnTopic(this, name, {
        clusterArn: this.cluster.attrArn,
        topicName: topic.name,
        partitionCount: topic.partitions,
        replicationFactor: kafka.replicationFactor,
        // A JSON object, as the API wants it; CloudFormation's page says no more than Base64.
        configs: Fn.base64(JSON.stringify({ 'retention.ms': String(topic.retentionHours * 3_600_000) })),
      })
      declared.applyRemovalPolicy(removalPolicy)
      pinLogicalId(declared, `${name.charAt(0).toUpperCase()}${name.slice(1)}Topic`)
    }
  }
}

/** Settings of the brokers, as Java properties. */
function toProperties(kafka: MskKafka): string {
  const properties = {
    // A topic is declared or is not there: a typing error makes none.
    'auto.create.topics.enable': false,
    ...(kafka.minimumInSyncReplicas === undefined
      ? {}
      : {
          'default.replication.factor': kafka.replicationFactor,
          'min.insync.replicas': kafka.minimumInSyncReplicas,
          // A broker that lags behind never leads: records that were acknowledged are not given up for being available.
          'unclean.leader.election.enable': false,
        }),
  }
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}

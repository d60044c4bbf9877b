// Kafka as the functions see it: brokers, topics, and what each may do there. The cluster itself is in the data stack, or
// somebody else's where the stage says `external`; that one knows no IAM, so a grant is only the environment.
import { Fn } from 'aws-cdk-lib'
import { Construct } from 'constructs'
import type { FunctionIdentity } from './function-identity.ts'
import { iamPort, type MskCluster } from './msk-cluster.ts'
import type { Stage } from './stage.ts'

export interface EventStreamProps {
  readonly stage: Stage
  /** The cluster of ours and its brokers' addresses. Undefined: Kafka is somebody else's. */
  readonly cluster: MskCluster | undefined
  readonly bootstrapServers: string | undefined
}

/** What a function is told to find Kafka, and to sign in. */
export interface KafkaEnvironment {
  readonly KAFKA_BOOTSTRAP_SERVERS: string
  readonly KAFKA_AUTHENTICATION: 'iam' | 'none'
}

/** The stream of events. */
export class EventStream extends Construct {
  private readonly stage: Stage
  private readonly cluster: MskCluster | undefined
  private readonly environment: KafkaEnvironment

  constructor(scope: Construct, id: string, props: EventStreamProps) {
    super(scope, id)
    const { stage, cluster, bootstrapServers } = props
    this.stage = stage
    this.cluster = cluster
    if (stage.kafka.kind === 'external') {
      this.environment = {
        KAFKA_BOOTSTRAP_SERVERS: stage.kafka.bootstrapServers.join(','),
        KAFKA_AUTHENTICATION: 'none',
      }
    } else {
      if (!cluster || !bootstrapServers) throw new Error('expected the MSK cluster of the stage and its brokers')
      this.environment = { KAFKA_BOOTSTRAP_SERVERS: bootstrapServers, KAFKA_AUTHENTICATION: 'iam' }
    }
  }

  /** Lets a function publish `user.verified`. */
  grantPublishUserVerified(identity: FunctionIdentity): KafkaEnvironment & { USER_VERIFIED_TOPIC: string } {
    return { ...this.grantPublish(identity, 'userVerified'), USER_VERIFIED_TOPIC: this.stage.topics.userVerified.name }
  }

  /** Lets a function publish `wallet.created`. */
  grantPublishWalletCreated(identity: FunctionIdentity): KafkaEnvironment & { WALLET_CREATED_TOPIC: string } {
    return {
      ...this.grantPublish(identity, 'walletCreated'),
      WALLET_CREATED_TOPIC: this.stage.topics.walletCreated.name,
    }
  }

  /**
   * Lets a function read the topic of dead letters, from any offset, and publish to `user.verified` what it finds there. The
   * groups that it reads in have names of their own, so that it takes nothing from whoever consumes.
   */
  grantRedrive(
    identity: FunctionIdentity,
  ): KafkaEnvironment & { USER_VERIFIED_TOPIC: string; DEAD_LETTER_TOPIC: string } {
    const { name } = this.stage.topics.userVerifiedDeadLetter
    const environment = { ...this.grantPublishUserVerified(identity), DEAD_LETTER_TOPIC: name }
    if (this.cluster === undefined) return environment
    identity.allow({
      sid: 'ReadDeadLetters',
      actions: ['kafka-cluster:DescribeTopic', 'kafka-cluster:ReadData'],
      resources: [this.arnOf('topic', name)],
    })
    identity.allow({
      sid: 'ReadInOwnGroups',
      actions: ['kafka-cluster:AlterGroup', 'kafka-cluster:DescribeGroup'],
      resources: [this.arnOf('group', 'operate-*')],
    })
    return environment
  }

  private grantPublish(identity: FunctionIdentity, topic: keyof Stage['topics']): KafkaEnvironment {
    if (this.cluster === undefined) return this.environment
    if (!identity.reaches('Kafka')) {
      identity.reach('Kafka', this.cluster.securityGroup, iamPort)
      identity.allow({
        sid: 'ConnectToKafka',
        // The producer numbers its records, so that a repetition of its own is not written twice.
        actions: ['kafka-cluster:Connect', 'kafka-cluster:WriteDataIdempotently'],
        resources: [this.cluster.cluster.attrArn],
      })
    }
    identity.allow({
      sid: `Publish${topic.charAt(0).toUpperCase()}${topic.slice(1)}`,
      actions: ['kafka-cluster:DescribeTopic', 'kafka-cluster:WriteData'],
      resources: [this.arnOf('topic', this.stage.topics[topic].name)],
    })
    return this.environment
  }

  /**
   * Lets Lambda's pollers take records in a function's name: read the topic as one consumer group, and write to the
   * topic of dead letters.
   */
  grantConsumeUserVerified(identity: FunctionIdentity): void {
    if (this.cluster === undefined) return
    const { topics, walletTrigger } = this.stage
    identity.allow({
      sid: 'FindKafka',
      actions: ['kafka:DescribeClusterV2', 'kafka:GetBootstrapBrokers'],
      resources: [this.cluster.cluster.attrArn],
    })
    identity.allow({
      sid: 'FindNetworkOfKafka',
      actions: ['ec2:DescribeSecurityGroups', 'ec2:DescribeVpcs'],
      resources: ['*'],
    })
    identity.allow({
      sid: 'ConnectToKafka',
      actions: ['kafka-cluster:Connect', 'kafka-cluster:DescribeClusterDynamicConfiguration'],
      resources: [this.cluster.cluster.attrArn],
    })
    identity.allow({
      sid: 'ConsumeUserVerified',
      actions: ['kafka-cluster:DescribeTopic', 'kafka-cluster:ReadData'],
      resources: [this.arnOf('topic', topics.userVerified.name)],
    })
    identity.allow({
      sid: 'CommitOffsets',
      actions: ['kafka-cluster:AlterGroup', 'kafka-cluster:DescribeGroup'],
      resources: [this.arnOf('group', walletTrigger.consumerGroupId)],
    })
    identity.allow({
      sid: 'SetDeadLettersAside',
      actions: ['kafka-cluster:DescribeTopic', 'kafka-cluster:WriteData'],
      resources: [this.arnOf('topic', topics.userVerifiedDeadLetter.name)],
    })
  }

  /** `arn:…:cluster/NAME/UUID` becomes `arn:…:topic/NAME/UUID/topic` (Service Authorization Reference, kafka-cluster). */
  private arnOf(kind: 'topic' | 'group', name: string): string {
    const parts = Fn.split(':cluster/', this.cluster?.cluster.attrArn ?? '')
    return `${Fn.select(0, parts)}:${kind}/${Fn.select(1, parts)}/${name}`
  }
}

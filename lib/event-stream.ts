// Kafka as the functions see it: brokers and topic names. The cluster is somebody else's where the stage says
// `external`, and then nothing here is a resource.
import { Construct } from 'constructs'
import type { FunctionIdentity } from './function-identity.ts'
import type { Stage } from './stage.ts'

/** What a function is told to find Kafka. */
export interface KafkaEnvironment {
  readonly KAFKA_BOOTSTRAP_SERVERS: string
  readonly KAFKA_AUTHENTICATION: 'iam' | 'none'
}

export interface EventStreamProps {
  readonly stage: Stage
}

/** The stream of events. An external Kafka knows no IAM, so a grant is only the environment. */
export class EventStream extends Construct {
  private readonly stage: Stage

  constructor(scope: Construct, id: string, props: EventStreamProps) {
    super(scope, id)
    this.stage = props.stage
  }

  /** Lets a function publish `user.verified`. */
  grantPublishUserVerified(_identity: FunctionIdentity): KafkaEnvironment & { USER_VERIFIED_TOPIC: string } {
    return { ...this.address, USER_VERIFIED_TOPIC: this.stage.topics.userVerified.name }
  }

  /** Lets a function publish `wallet.created`. */
  grantPublishWalletCreated(_identity: FunctionIdentity): KafkaEnvironment & { WALLET_CREATED_TOPIC: string } {
    return { ...this.address, WALLET_CREATED_TOPIC: this.stage.topics.walletCreated.name }
  }

  private get address(): KafkaEnvironment {
    return { KAFKA_BOOTSTRAP_SERVERS: this.stage.kafka.bootstrapServers.join(','), KAFKA_AUTHENTICATION: 'none' }
  }
}

// The key under which a deployed stage's data rests: the database and the brokers. The mnemonic has another one.
import { Duration, RemovalPolicy } from 'aws-cdk-lib'
import { Key } from 'aws-cdk-lib/aws-kms'
import { Construct } from 'constructs'
import { pinLogicalId } from './logical-id.ts'
import type { Stage } from './stage.ts'

export interface StorageKeyProps {
  readonly stage: Stage
}

/** One key: the services that store use it by grants that they are given when they are made. */
export class StorageKey extends Construct {
  readonly key: Key

  constructor(scope: Construct, id: string, props: StorageKeyProps) {
    super(scope, id)
    const { keepsData } = props.stage
    this.key = new Key(this, 'Key', {
      description: 'Encrypts the database and the brokers at rest',
      enableKeyRotation: true,
      pendingWindow: Duration.days(keepsData ? 30 : 7),
      removalPolicy: keepsData ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY,
    })
    pinLogicalId(this.key, 'StorageKey')
  }
}

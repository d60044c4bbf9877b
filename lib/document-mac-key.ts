// The key by which verified documents are compared: an HMAC key, so that no hash in the database says by itself which
// document it is of. What is done with it is not known here.
import { Duration, RemovalPolicy } from 'aws-cdk-lib'
import { AccountRootPrincipal, Effect, PolicyDocument, PolicyStatement } from 'aws-cdk-lib/aws-iam'
import { Key, KeySpec, KeyUsage } from 'aws-cdk-lib/aws-kms'
import { Construct } from 'constructs'
import type { FunctionIdentity } from './function-identity.ts'
import { administerButNotUse } from './key-administration.ts'
import { pinLogicalId } from './logical-id.ts'
import type { Stage } from './stage.ts'

export interface DocumentMacKeyProps {
  readonly stage: Stage
}

/**
 * The key. It is never another one, since what was made under one could not be compared with what the next one makes; KMS
 * rotates no HMAC keys either. The role that uses it lives in the other stack and is not named.
 */
export class DocumentMacKey extends Construct {
  readonly key: Key

  constructor(scope: Construct, id: string, props: DocumentMacKeyProps) {
    super(scope, id)
    const { keepsData } = props.stage
    this.key = new Key(this, 'Key', {
      description: 'Tells whether two users were verified with the same document',
      keySpec: KeySpec.HMAC_256,
      keyUsage: KeyUsage.GENERATE_VERIFY_MAC,
      pendingWindow: Duration.days(keepsData ? 30 : 7),
      removalPolicy: keepsData ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY,
      policy: new PolicyDocument({
        statements: [
          administerButNotUse(),
          new PolicyStatement({
            sid: 'CompareDocuments',
            effect: Effect.ALLOW,
            principals: [new AccountRootPrincipal()],
            actions: ['kms:GenerateMac'],
            resources: ['*'],
          }),
        ],
      }),
    })
    pinLogicalId(this.key, 'DocumentMacKey')
  }

  /** Lets a function make what documents are compared by. */
  grantMac(identity: FunctionIdentity): { DOCUMENT_MAC_KEY_ARN: string } {
    identity.allow({ sid: 'CompareDocuments', actions: ['kms:GenerateMac'], resources: [this.key.keyArn] })
    identity.call('kms')
    return { DOCUMENT_MAC_KEY_ARN: this.key.keyArn }
  }
}

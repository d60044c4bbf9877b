// The key that wraps the data keys of kept documents. Where those lie is in data-key-bucket.ts; what they open, in
// document-bucket.ts.
import { Duration, RemovalPolicy } from 'aws-cdk-lib'
import { AccountRootPrincipal, Effect, PolicyDocument, PolicyStatement } from 'aws-cdk-lib/aws-iam'
import { Key } from 'aws-cdk-lib/aws-kms'
import { Construct } from 'constructs'
import { toDocumentContext } from '../shared/kept-documents.ts'
import type { FunctionIdentity } from './function-identity.ts'
import { administerButNotUse } from './key-administration.ts'
import { pinLogicalId } from './logical-id.ts'
import type { Stage } from './stage.ts'

export interface DocumentDataKeyProps {
  readonly stage: Stage
}

/**
 * The key. Its policy lets roles of the account use it when their own policies do: `verification` makes data keys that it
 * never sees in clear, `inspect` unwraps the one that it is handed. Roles are not named: they live in the other stack.
 */
export class DocumentDataKey extends Construct {
  readonly key: Key
  private readonly onlyForDocuments: Readonly<Record<string, unknown>> | undefined

  constructor(scope: Construct, id: string, props: DocumentDataKeyProps) {
    super(scope, id)
    const { stage } = props
    this.onlyForDocuments = stage.requiresEncryptionContext ? requireContext(stage) : undefined
    const conditions = this.onlyForDocuments === undefined ? {} : { conditions: this.onlyForDocuments }
    this.key = new Key(this, 'Key', {
      description: 'Wraps the data keys of kept documents',
      enableKeyRotation: true,
      pendingWindow: Duration.days(stage.keepsData ? 30 : 7),
      removalPolicy: stage.keepsData ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY,
      policy: new PolicyDocument({
        statements: [
          administerButNotUse(),
          new PolicyStatement({
            sid: 'UseForDocuments',
            effect: Effect.ALLOW,
            principals: [new AccountRootPrincipal()],
            actions: ['kms:GenerateDataKeyWithoutPlaintext', 'kms:Decrypt'],
            resources: ['*'],
            ...conditions,
          }),
        ],
      }),
    })
    pinLogicalId(this.key, 'DocumentDataKey')
  }

  /** Lets a function make data keys, wrapped, and see none of them. */
  grantMake(identity: FunctionIdentity): { DOCUMENT_DATA_KEY_ARN: string } {
    return this.allow(identity, 'MakeDataKeys', 'kms:GenerateDataKeyWithoutPlaintext')
  }

  /** Lets a function unwrap a data key that it is handed. */
  grantUnwrap(identity: FunctionIdentity): { DOCUMENT_DATA_KEY_ARN: string } {
    return this.allow(identity, 'UnwrapDataKeys', 'kms:Decrypt')
  }

  private allow(identity: FunctionIdentity, sid: string, action: string): { DOCUMENT_DATA_KEY_ARN: string } {
    const conditions = this.onlyForDocuments === undefined ? {} : { conditions: this.onlyForDocuments }
    identity.allow({ sid, actions: [action], resources: [this.key.keyArn], ...conditions })
    identity.call('kms')
    return { DOCUMENT_DATA_KEY_ARN: this.key.keyArn }
  }
}

/** The context that every call must present: this stage and purpose, and of whatever verification. */
function requireContext(stage: Stage) {
  const { verification_id: _, ...fixed } = toDocumentContext(stage.name, '')
  return {
    StringEquals: Object.fromEntries(
      Object.entries(fixed).map(([key, value]) => [`kms:EncryptionContext:${key}`, value]),
    ),
    // No key beside these; alone it would let an empty context pass.
    'ForAllValues:StringEquals': { 'kms:EncryptionContextKeys': [...Object.keys(fixed), 'verification_id'] },
  }
}

// An issuer of access tokens of our own: a Cognito user pool, its scopes, and the two clients that it issues for. Only
// where the stage says so; any other issuer is as good.
import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib'
import {
  AccountRecovery,
  UserPool as CognitoUserPool,
  Mfa,
  OAuthScope,
  ResourceServerScope,
  UserPoolClient,
  UserPoolResourceServer,
} from 'aws-cdk-lib/aws-cognito'
import { Construct } from 'constructs'
import type { TokenSettings } from '../functions/authorize/environment.ts'
import { scopes } from '../shared/access.ts'
import { pinLogicalId } from './logical-id.ts'
import type { Stage } from './stage.ts'

export interface UserPoolProps {
  readonly stage: Stage
  /** Where the application that users sign in to may be sent back to, with a code. */
  readonly callbackUrls: readonly string[]
}

const identifier = 'verified-wallets'
/** What users may ask for. A document may have to be kept against its user's wish: erasing is a service's to begin. */
const forUsers = scopes.filter((scope) => !/^(ops|document):/.test(scope))
const forAny = scopes.filter((scope) => !scope.startsWith('ops:')).map((scope) => `${scope}:any`)

/** The pool. `user_id` of an end user is the `sub` that Cognito gives it. */
export class UserPool extends Construct {
  /** Whose tokens the authorizer lets in. */
  readonly tokens: TokenSettings
  readonly pool: CognitoUserPool
  readonly applicationClient: UserPoolClient
  readonly serviceClient: UserPoolClient

  constructor(scope: Construct, id: string, props: UserPoolProps) {
    super(scope, id)
    const { stage } = props
    this.pool = new CognitoUserPool(this, 'Pool', {
      userPoolName: `verified-wallets-${stage.name}`,
      selfSignUpEnabled: false,
      signInAliases: { email: true },
      // Else Cognito would take another's address for the owner's.
      autoVerify: { email: true },
      mfa: Mfa.REQUIRED,
      mfaSecondFactor: { otp: true, sms: false },
      passwordPolicy: {
        ...{ minLength: 12, requireDigits: true, requireLowercase: true, requireSymbols: true, requireUppercase: true },
      },
      accountRecovery: AccountRecovery.EMAIL_ONLY,
      deletionProtection: stage.keepsData,
      removalPolicy: stage.keepsData ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY,
    })
    // A pool that is made anew gives each user another `sub`: they would all lose their wallets.
    pinLogicalId(this.pool, 'UserPool')
    this.pool.addDomain('Domain', {
      cognitoDomain: { domainPrefix: `${identifier}-${stage.name}-${stage.account}` },
    })

    const names = [...scopes, ...forAny]
    const ours = names.map(
      (name) => new ResourceServerScope({ scopeName: name, scopeDescription: `verified wallets: ${name}` }),
    )
    const server = new UserPoolResourceServer(this, 'Scopes', { userPool: this.pool, identifier, scopes: ours })
    const pick = (wanted: readonly string[]) =>
      ours.filter(({ scopeName }) => wanted.includes(scopeName)).map((each) => OAuthScope.resourceServer(server, each))
    const common = { userPool: this.pool, accessTokenValidity: Duration.minutes(15), authFlows: {} }

    this.applicationClient = new UserPoolClient(this, 'Application', {
      ...common,
      generateSecret: false,
      enableTokenRevocation: true,
      preventUserExistenceErrors: true,
      oAuth: {
        flows: { authorizationCodeGrant: true },
        callbackUrls: [...props.callbackUrls],
        scopes: [OAuthScope.OPENID, ...pick(forUsers)],
      },
    })
    this.serviceClient = new UserPoolClient(this, 'Service', {
      ...common,
      generateSecret: true,
      oAuth: { flows: { clientCredentials: true }, scopes: pick([...forAny, 'ops:read']) },
    })

    this.tokens = {
      issuer: `https://cognito-idp.${Stack.of(this).region}.amazonaws.com/${this.pool.userPoolId}`,
      algorithm: 'RS256',
      // Cognito's access tokens have no audience.
      clientIds: [this.applicationClient.userPoolClientId, this.serviceClient.userPoolClientId],
      scopePrefix: `${identifier}/`,
    }
  }
}

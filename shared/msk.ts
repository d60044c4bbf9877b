// What Kafka asks for on MSK with IAM: TLS, and a token of IAM for each connection (SASL/OAUTHBEARER, RFC 7628).
import { ConfigurationError } from './errors.ts'
import { createPublisher, type KafkaLogin } from './kafka.ts'

/**
 * Signs in with the function's own credentials. A token is computed here, without a call, for each connection anew: it
 * is good for 15 minutes at most, and never longer than the credentials that signed it.
 *
 * @param brokers `host:port` of MSK. The region is read there.
 * @throws {ConfigurationError} when they are none of MSK
 */
export function createMskLogin(brokers: readonly string[]): KafkaLogin {
  const regions = new Set(brokers.map((broker) => /\.kafka\.([a-z0-9-]+)\.amazonaws\.com:\d+$/.exec(broker)?.[1]))
  const [region] = regions
  if (regions.size !== 1 || region === undefined) {
    throw new ConfigurationError('expected brokers of MSK in one region, NAME.kafka.REGION.amazonaws.com:PORT')
  }
  return {
    // Amazon's public authorities, which Node knows.
    certificateAuthority: undefined,
    readToken: async () => {
      // Loaded when it is asked for: where Kafka knows no IAM it costs nothing.
      const { generateAuthToken } = await import('aws-msk-iam-sasl-signer-js')
      const { token, expiryTime } = await generateAuthToken({ region })
      return { value: token, expiresAt: expiryTime }
    },
  }
}

type KafkaEnvironment = {
  readonly KAFKA_BOOTSTRAP_SERVERS: string
  readonly KAFKA_AUTHENTICATION: 'iam' | 'none'
}

/** The brokers of a function and how it signs in there, as its environment says. */
export function readKafkaAccess(environment: KafkaEnvironment) {
  const brokers = environment.KAFKA_BOOTSTRAP_SERVERS.split(',')
  return { brokers, login: environment.KAFKA_AUTHENTICATION === 'iam' ? createMskLogin(brokers) : undefined }
}

/** The publisher of a function, as its environment says. */
export function openPublisher(
  environment: KafkaEnvironment,
  options: { readonly clientId: string; readonly deadline: number },
): ReturnType<typeof createPublisher> {
  return createPublisher({ ...readKafkaAccess(environment), now: Date.now, ...options })
}

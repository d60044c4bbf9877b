// A domain name of our own for the API, and whose clients may speak to it where a stage asks for certificates of theirs.
import { join } from 'node:path'
import { DomainName, EndpointAccessMode, EndpointType, type RestApi, SecurityPolicy } from 'aws-cdk-lib/aws-apigateway'
import { Certificate } from 'aws-cdk-lib/aws-certificatemanager'
import { Asset } from 'aws-cdk-lib/aws-s3-assets'
import { Construct } from 'constructs'
import type { DomainSettings } from './stage-edge.ts'

const root = join(import.meta.dirname, '..')

export interface CustomDomainProps {
  readonly settings: DomainSettings
  readonly api: RestApi
}

/** The domain. Its DNS record is the deployer's: an alias or a CNAME to `target`. */
export class CustomDomain extends Construct {
  /** What the DNS record must point to. */
  readonly target: string

  constructor(scope: Construct, id: string, props: CustomDomainProps) {
    super(scope, id)
    const { settings, api } = props
    const domain = new DomainName(this, 'Domain', {
      domainName: settings.name,
      certificate: Certificate.fromCertificateArn(this, 'Certificate', settings.certificateArn),
      endpointType: EndpointType.REGIONAL,
      ...(settings.clientAuthorities === undefined
        ? { securityPolicy: SecurityPolicy.TLS13_1_2_PFS_PQ_2025_09, endpointAccessMode: EndpointAccessMode.STRICT }
        : // API Gateway has mutual TLS with this policy only.
          { securityPolicy: SecurityPolicy.TLS_1_2, mtls: this.trust(settings.clientAuthorities) }),
    })
    domain.addBasePathMapping(api, { stage: api.deploymentStage })
    this.target = domain.domainNameAliasDomainName
  }

  /**
   * The certificates are an asset: an object that never changes under its name, so a new set is a new truststore, and a
   * rollback brings the earlier one back.
   */
  private trust(file: string) {
    const authorities = new Asset(this, 'ClientAuthorities', { path: join(root, file) })
    return { bucket: authorities.bucket, key: authorities.s3ObjectKey }
  }
}

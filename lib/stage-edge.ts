// What a deployment may differ in from another before its API, as types: how much passes, from where, by which name.

/** API Gateway's own token bucket, of each method. */
export type GatewayLimit = { readonly requestsPerSecond: number; readonly burst: number }

/** The firewall before the API. */
export type FirewallSettings = {
  /** Requests of one address in five minutes, above which it is refused: WAF takes 10 to 2,000,000,000. */
  readonly requestsPerAddress: number
}

/** A domain name of our own for the API. */
export type DomainSettings = {
  readonly name: string
  /** In ACM, in the region of the stage. */
  readonly certificateArn: string
  /**
   * A PEM file of this repository with the authorities whose clients are let in by mutual TLS; the API's own address is
   * closed then. Undefined: clients show no certificate.
   */
  readonly clientAuthorities?: string
}

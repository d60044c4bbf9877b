// The firewall before the API: AWS's managed rules, and a limit for each address. Who a caller is, is not known here.
import { ArnFormat, Fn, RemovalPolicy, Stack } from 'aws-cdk-lib'
import type { Stage as ApiStage } from 'aws-cdk-lib/aws-apigateway'
import { LogGroup } from 'aws-cdk-lib/aws-logs'
import { CfnLoggingConfiguration, CfnWebACL, CfnWebACLAssociation } from 'aws-cdk-lib/aws-wafv2'
import { Construct } from 'constructs'
import type { Stage } from './stage.ts'
import type { FirewallSettings } from './stage-edge.ts'

export interface WebFirewallProps {
  readonly stage: Stage
  readonly settings: FirewallSettings
  /** What stands behind it. */
  readonly api: ApiStage
}

/**
 * Rules of AWS that documents run into, with the labels that they leave. A document is base64 in a JSON body: it is
 * larger than 8 KB, and letters that mean nothing look like script or like a serialised object now and then.
 */
const bodyRules = {
  AWSManagedRulesCommonRuleSet: {
    SizeRestrictions_BODY: 'awswaf:managed:aws:core-rule-set:SizeRestrictions_Body',
    CrossSiteScripting_BODY: 'awswaf:managed:aws:core-rule-set:CrossSiteScripting_Body',
  },
  AWSManagedRulesKnownBadInputsRuleSet: {
    JavaDeserializationRCE_BODY: 'awswaf:managed:aws:known-bad-inputs:JavaDeserializationRCE_Body',
  },
} as const

/** In the order in which they are asked, after the limit: the cheap one first. */
const managedGroups = [
  'AWSManagedRulesAmazonIpReputationList',
  'AWSManagedRulesKnownBadInputsRuleSet',
  'AWSManagedRulesCommonRuleSet',
] as const

const count = (metricName: string): CfnWebACL.VisibilityConfigProperty => ({
  cloudWatchMetricsEnabled: true,
  metricName,
  // Samples hold whole requests, with user ids in their paths, and nothing takes those out.
  sampledRequestsEnabled: false,
})

/** The rules, their association with the API, and a log of what was refused. */
export class WebFirewall extends Construct {
  readonly webAcl: CfnWebACL

  constructor(scope: Construct, id: string, props: WebFirewallProps) {
    super(scope, id)
    const { stage, settings, api } = props
    const rules = [
      this.limitAddresses(settings),
      ...managedGroups.map(this.askManagedGroup),
      this.guardOtherBodies(stage),
    ]
    this.webAcl = new CfnWebACL(this, 'WebAcl', {
      name: `verified-wallets-${stage.name}`,
      scope: 'REGIONAL',
      defaultAction: { allow: {} },
      // Its own name: CloudWatch tells stages apart by nothing else.
      visibilityConfig: count(`verified-wallets-${stage.name}`),
      rules: rules.map((rule, priority) => ({ ...rule, priority })),
    })
    new CfnWebACLAssociation(this, 'Association', { resourceArn: api.stageArn, webAclArn: this.webAcl.attrArn })
    this.logRefusals(stage)
  }

  /** The one with the address that floods is refused, before its requests cost anything. */
  private limitAddresses(settings: FirewallSettings): Omit<CfnWebACL.RuleProperty, 'priority'> {
    return {
      name: 'limit-of-an-address',
      action: { block: {} },
      statement: {
        rateBasedStatement: {
          aggregateKeyType: 'IP',
          limit: settings.requestsPerAddress,
          evaluationWindowSec: 300,
        },
      },
      visibilityConfig: count('limit-of-an-address'),
    }
  }

  private askManagedGroup(name: (typeof managedGroups)[number]): Omit<CfnWebACL.RuleProperty, 'priority'> {
    const counted = name in bodyRules ? Object.keys(bodyRules[name as keyof typeof bodyRules]) : []
    return {
      name,
      overrideAction: { none: {} },
      statement: {
        managedRuleGroupStatement: {
          vendorName: 'AWS',
          name,
          ...(counted.length > 0
            ? { ruleActionOverrides: counted.map((rule) => ({ name: rule, actionToUse: { count: {} } })) }
            : {}),
        },
      },
      visibilityConfig: count(name),
    }
  }

  /** What those rules only counted is refused after all, but for the one route that takes documents. */
  private guardOtherBodies(stage: Stage): Omit<CfnWebACL.RuleProperty, 'priority'> {
    const labels = Object.values(bodyRules).flatMap((rules) => Object.values(rules))
    const isPost = { fieldToMatch: { method: {} }, regexString: '^POST$' }
    // By the API's own address the stage is a part of the path, by a domain of ours it is not.
    const isVerify = { fieldToMatch: { uriPath: {} }, regexString: `^(/${stage.name})?/verify$` }
    const takesDocuments = [isPost, isVerify].map((match) => ({
      regexMatchStatement: { ...match, textTransformations: [{ priority: 0, type: 'NONE' }] },
    }))
    return {
      name: 'bodies-of-other-routes',
      action: { block: {} },
      statement: {
        andStatement: {
          statements: [
            { orStatement: { statements: labels.map((key) => ({ labelMatchStatement: { scope: 'LABEL', key } })) } },
            { notStatement: { statement: { andStatement: { statements: takesDocuments } } } },
          ],
        },
      },
      visibilityConfig: count('bodies-of-other-routes'),
    }
  }

  /**
   * The source address stays: without it nobody could tell an attack from a customer. What may name a user, or is a
   * token, is not written.
   */
  private logRefusals(stage: Stage): void {
    // `arn:…:stack/NAME/ID`: a group that outlived its stack must not be in the way of the next one's.
    const stackUuid = Fn.select(2, Fn.split('/', Stack.of(this).stackId))
    const group = new LogGroup(this, 'Refusals', {
      // The firewall writes to groups of such names only.
      logGroupName: `aws-waf-logs-verified-wallets-${stage.name}-${stackUuid}`,
      retention: stage.logRetentionDays,
      removalPolicy: stage.keepsData ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY,
    })
    const groupArn = Stack.of(this).formatArn({
      service: 'logs',
      resource: 'log-group',
      resourceName: group.logGroupName,
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    })
    new CfnLoggingConfiguration(this, 'Logging', {
      resourceArn: this.webAcl.attrArn,
      // Not the group's own attribute, which ends with `:*`.
      logDestinationConfigs: [groupArn],
      redactedFields: [
        { uriPath: {} },
        { queryString: {} },
        { singleHeader: { Name: 'authorization' } },
        { singleHeader: { Name: 'cookie' } },
      ],
      loggingFilter: {
        DefaultBehavior: 'DROP',
        Filters: [
          {
            Behavior: 'KEEP',
            Requirement: 'MEETS_ANY',
            Conditions: [{ ActionCondition: { Action: 'BLOCK' } }],
          },
        ],
      },
    })
  }
}

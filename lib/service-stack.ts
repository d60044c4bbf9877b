// What may be replaced: the functions, what calls them, and what each may do. State lives in the data stack.
import { CfnOutput, Stack } from 'aws-cdk-lib'
import type { Construct } from 'constructs'
import { addAuthorize, addDocs, addErase, addIntake, addRead } from './api-functions.ts'
import type { Bundles } from './bundle.ts'
import type { DataStack } from './data-stack.ts'
import { DeployCalls } from './deploy-calls.ts'
import { addMigrate, addProvision, migrateBefore } from './deploy-functions.ts'
import { EventStream } from './event-stream.ts'
import { HttpApi } from './http-api.ts'
import { Observability } from './observability.ts'
import { addOperate } from './operate-function.ts'
import { requirePartialResponses } from './partial-responses.ts'
import { addAnnounce, addInspect, addVerification, addWallet, addWalletMapping } from './pipeline-functions.ts'
import type { Surroundings } from './service-function.ts'
import type { Stage } from './stage.ts'
import { letAccountTakeOnRoles } from './tried-roles.ts'

export interface ServiceStackProps {
  readonly stage: Stage
  readonly data: DataStack
  readonly bundles: Bundles
}

/** The stack of what may be replaced. */
export class ServiceStack extends Stack {
  constructor(scope: Construct, props: ServiceStackProps) {
    const { stage, data, bundles } = props
    super(scope, `verified-wallets-${stage.name}-service`, {
      description: 'Verified wallets: functions and API',
      env: { account: stage.account, region: stage.region },
    })
    requirePartialResponses(this)

    const { kafka: cluster, vpc } = data
    const calls = cluster && vpc && new DeployCalls(this, 'DeployCalls', { stage, cluster, vpc })
    const events = new EventStream(this, 'Events', { stage, cluster, bootstrapServers: calls?.bootstrapServers })
    const around: Surroundings = { stage, bundles, data, events }

    const migrate = addMigrate(this, around)
    const announce = addAnnounce(this, around)
    const intake = addIntake(this, around, announce)
    const inspect = addInspect(this, around)
    const verification = addVerification(this, around, inspect)
    const wallet = addWallet(this, around, announce)
    const mapping = addWalletMapping(this, around, wallet)
    const read = addRead(this, around)
    const erase = addErase(this, around)
    const docs = addDocs(this, around)
    const authorize = addAuthorize(this, around)
    const operate = addOperate(this, around)
    const provision = addProvision(this, around)
    migrateBefore(this, migrate, [intake, verification, wallet, announce, read, erase, operate])

    const http = new HttpApi(this, 'Http', { stage, authorize, intake, read, erase, docs })
    const functions = {
      intake,
      inspect,
      verification,
      wallet,
      announce,
      read,
      erase,
      docs,
      authorize,
      operate,
      migrate,
      provision,
    }
    const { topic } = new Observability(this, 'Observability', { stage, data, functions, mapping, api: http.api })

    const outputs: Record<string, string> = {
      AlarmTopicArn: topic.topicArn,
      ApiId: http.api.restApiId,
      ApiStage: http.api.deploymentStage.stageName,
      ApiUrl: stage.domain ? `https://${stage.domain.name}/` : http.api.url,
      ...(http.domain ? { ApiDomainTarget: http.domain.target } : {}),
    }
    for (const [name, deployed] of Object.entries(functions)) {
      if (deployed === undefined) continue
      outputs[`${name.charAt(0).toUpperCase()}${name.slice(1)}FunctionName`] = deployed.function.functionName
    }
    for (const [name, value] of Object.entries(outputs)) new CfnOutput(this, name, { value })
    if (stage.accountTakesOnRoles) letAccountTakeOnRoles(this)
  }
}

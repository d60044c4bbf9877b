// local/localstack/authorizers.py in the real LocalStack: who is stopped at the door. Nobody gets in here, since no function
// runs without Docker: a question to the authorizer that gets no answer must not let anybody through.
import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { App, CfnOutput, type IStackSynthesizer, LegacyStackSynthesizer, Stack } from 'aws-cdk-lib'
import { AuthorizationType, CfnAuthorizer, MockIntegration, RestApi } from 'aws-cdk-lib/aws-apigateway'
import { afterAll, beforeAll, expect, inject, it } from 'vitest'
import { deployStack } from '../../local/deploy.ts'
import { installLocalStack, startLocalStack, withoutLocalStack } from '../support/localstack.ts'

let running: Awaited<ReturnType<typeof startLocalStack>> | undefined
let apiUrl = ''

beforeAll(async () => {
  const stateFolder = mkdtempSync(join(inject('serversFolder'), 'authorizers-'))
  const python = await installLocalStack((text) => console.log(text))
  if (python === undefined) return
  running = await startLocalStack({ stateFolder, python })
  const assembly = join(stateFolder, 'cdk.out')
  const app = new App({ analyticsReporting: false, outdir: assembly })
  // Without assets nothing of a bootstrapped account is needed.
  const synthesizer = new LegacyStackSynthesizer() as IStackSynthesizer
  const stack = new Stack(app, 'doors', { synthesizer })
  const api = new RestApi(stack, 'Api', { deployOptions: { stageName: 'local' } })
  const authorizer = new CfnAuthorizer(stack, 'Authorizer', {
    ...{ restApiId: api.restApiId, name: 'tokens', type: 'TOKEN', authorizerResultTtlInSeconds: 300 },
    authorizerUri: 'arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/no-such-function/invocations',
    identitySource: 'method.request.header.Authorization',
    identityValidationExpression: '^Bearer [a-z]+$',
  })
  const integration = new MockIntegration({
    requestTemplates: { 'application/json': '{"statusCode": 200}' },
    integrationResponses: [{ statusCode: '200' }],
  })
  const methodResponses = [{ statusCode: '200' }]
  api.root.addResource('open').addMethod('GET', integration, { methodResponses })
  const guarded = { authorizerId: authorizer.ref, authorizationType: AuthorizationType.CUSTOM }
  api.root.addResource('guarded').addMethod('GET', integration, { methodResponses, authorizer: guarded })
  new CfnOutput(stack, 'ApiId', { value: api.restApiId })
  app.synth()
  const options = { stateFolder, say: () => {}, signal: AbortSignal.timeout(3_600_000) }
  const { ApiId } = await deployStack(options, running, assembly, stack.stackName)
  apiUrl = `${running.url}/_aws/execute-api/${ApiId}/local`
})

afterAll(async () => await running?.stop())

it.each([
  ['an open route', '/open', undefined, 200],
  ['no token', '/guarded', undefined, 401],
  ['a token that is none by its form', '/guarded', 'Basic abc', 401],
  ['an authorizer that does not answer', '/guarded', 'Bearer abc', 500],
])('%s', async (_, path, token, status) => {
  if (running === undefined) {
    console.warn(withoutLocalStack)
    return
  }
  const answer = await fetch(`${apiUrl}${path}`, { headers: token === undefined ? {} : { authorization: token } })
  expect(answer.status).toBe(status)
})

// The table of who may do what, live: each role is taken on, and tries each call on everything that is worth taking.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  CloudFormationClient,
  paginateListStackResources,
  type StackResourceSummary,
} from '@aws-sdk/client-cloudformation'
import {
  CreateAccessKeyCommand,
  CreateUserCommand,
  DeleteAccessKeyCommand,
  DeleteUserCommand,
  DeleteUserPolicyCommand,
  PutUserPolicyCommand,
} from '@aws-sdk/client-iam'
import { AssumeRoleCommand } from '@aws-sdk/client-sts'
import { describe, expect, it } from 'vitest'
import { localStage, type Template } from '../infra/templates.ts'
import { type Clients, liveCalls, notTried, openClients } from '../support/live-calls.ts'
import type { StackDescription } from '../support/local-stack.ts'
import { readWorld } from '../support/policy-world.ts'
import { type Subject, tellWhoMay } from '../support/who-may.ts'
import { findSubjects, nameResources } from '../support/who-may-subjects.ts'
import { rowsOf } from '../support/who-may-table.ts'

type Context = { readonly stack: () => StackDescription; readonly state: string }

const stacks = { data: 'verified-wallets-local-data', service: 'verified-wallets-local-service' } as const

const isRefusal = (error: unknown) => error instanceof Error && /AccessDenied|NotAuthorized/.test(error.name)

/** Whether a call is refused for want of a permission; any other end of it is not our question. */
async function isRefused(call: Promise<unknown>): Promise<boolean> {
  return await call.then(() => false, isRefusal)
}

/** Defines the tests; the stack must be running when they run. */
export function describeWhoMay(context: Context): void {
  const open = (credentials = { accessKeyId: 'test', secretAccessKey: 'test' }) =>
    openClients(context.stack().emulator_url, credentials)

  /** What the resources are called, by their logical ids. */
  async function findPhysicalIds(): Promise<Readonly<Record<string, string>>> {
    const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
    const cloudFormation = new CloudFormationClient({
      ...{ endpoint: context.stack().emulator_url, region: 'us-east-1', credentials },
    })
    const found: StackResourceSummary[] = []
    for (const StackName of Object.values(stacks)) {
      for await (const page of paginateListStackResources({ client: cloudFormation }, { StackName })) {
        found.push(...(page.StackResourceSummaries ?? []))
      }
    }
    return Object.fromEntries(found.map((each) => [each.LogicalResourceId, each.PhysicalResourceId]))
  }

  /** A user who may take on any role that trusts the account: no policy stops the account's root in the emulator. */
  async function withUser(work: (user: Clients) => Promise<void>): Promise<void> {
    const { iam } = open()
    const user = { UserName: 'who-may' }
    const PolicyDocument = JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Action: 'sts:AssumeRole', Resource: '*' }],
    })
    await iam.send(new CreateUserCommand(user))
    await iam.send(new PutUserPolicyCommand({ ...user, PolicyName: 'take-on', PolicyDocument }))
    const { AccessKey: key } = await iam.send(new CreateAccessKeyCommand(user))
    try {
      await work(open({ accessKeyId: key?.AccessKeyId ?? '', secretAccessKey: key?.SecretAccessKey ?? '' }))
    } finally {
      await iam.send(new DeleteAccessKeyCommand({ ...user, AccessKeyId: key?.AccessKeyId }))
      await iam.send(new DeleteUserPolicyCommand({ ...user, PolicyName: 'take-on' }))
      await iam.send(new DeleteUserCommand(user))
    }
  }

  async function takeOn(user: Clients, name: string): Promise<Clients> {
    const { Credentials: given } = await user.sts.send(
      new AssumeRoleCommand({ RoleArn: `arn:aws:iam::000000000000:role/${name}`, RoleSessionName: 'who-may' }),
    )
    return open({
      ...{ accessKeyId: given?.AccessKeyId ?? '', secretAccessKey: given?.SecretAccessKey ?? '' },
      ...{ sessionToken: given?.SessionToken ?? '' },
    })
  }

  /** The deployed templates, and what they say that each role may. */
  function look() {
    const read = (name: string): Template =>
      JSON.parse(readFileSync(join(context.state, 'cdk.out', `${name}.template.json`), 'utf8'))
    const templates = { data: read(stacks.data), service: read(stacks.service) }
    const stage = localStage()
    const world = readWorld(templates, stage)
    const nameOf = nameResources(templates)
    const subjects = findSubjects(templates, world, stage)
    const expected = tellWhoMay(world, subjects, nameOf)
    const actionsOf = ({ name, actions }: Subject) => new Set([...actions, ...Object.keys(expected[name] ?? {})])
    return { world, nameOf, subjects, expected, actionsOf }
  }

  describe('who may do what, live', () => {
    it('the deployed templates are those of the table', () => {
      const told = Object.entries(look().expected).map(([subject, rows]) => [
        subject,
        Object.fromEntries(Object.entries(rows).map(([action, who]) => [action, who.join(', ') || 'nobody'])),
      ])
      expect(Object.fromEntries(told)).toEqual(rowsOf('local'))
    })

    it('each role may do what the table says, and is refused all else', async () => {
      const { world, nameOf, subjects, expected, actionsOf } = look()
      const physical = await findPhysicalIds()
      const findPhysicalId = (logicalId: string) => {
        const id = physical[logicalId]
        if (id === undefined) throw new Error(`expected ${logicalId} among the deployed resources`)
        return id
      }

      const [mayButIsRefused, mayNotButIsLet, tried] = [[] as string[], [] as string[], [] as string[]]
      await withUser(async (user) => {
        for (const roleId of Object.keys(world.roles)) {
          const clients = await takeOn(user, findPhysicalId(roleId))
          for (const subject of subjects) {
            const { name, logicalId, arn } = subject
            // Asked of the templates alone: no version is published here, and only S3 itself comes through S3.
            if (/, (a version|through \w+)$/.test(name)) continue
            const key = /^arn:aws:s3:::[^/]+\/(.*)$/.exec(arn)?.[1] ?? ''
            for (const action of actionsOf(subject)) {
              const call = liveCalls[action]
              if (call === undefined) continue
              const refused = await isRefused(call(clients, findPhysicalId(logicalId), key))
              const may = expected[name]?.[action]?.includes(nameOf(roleId)) ?? false
              const row = `${nameOf(roleId)} ${action} ${name}`
              tried.push(row)
              if (may && refused) mayButIsRefused.push(row)
              if (!may && !refused) mayNotButIsLet.push(row)
            }
          }
        }
      })
      expect({ mayButIsRefused, mayNotButIsLet }).toEqual({ mayButIsRefused: [], mayNotButIsLet: [] })
      expect(tried.length).toBeGreaterThan(1000)
    })

    it('every action is tried, but those with a reason', () => {
      const { subjects, actionsOf } = look()
      const actions = new Set(subjects.flatMap((subject) => [...actionsOf(subject)]))
      expect([...actions].filter((action) => !liveCalls[action]).toSorted()).toEqual(Object.keys(notTried).toSorted())
    })
  })
}

// What must hold before a deploy: which facts stop it, which warn, and that each line says what to do.
import { expect, it } from 'vitest'
import { type Facts, judge } from '../../bin/prerequisites.ts'

const stack = 'verified-wallets-dev-data'
const good: Facts = {
  nodeVersion: '24.21.0',
  cdk: { pinned: '2.1148.1', installed: '2.1148.1' },
  bootstrapVersion: 28,
  concurrentExecutions: 1000,
  reservedExecutions: 237,
  stacks: { [stack]: undefined },
}
const judged = (facts: Partial<Facts>) => judge({ ...good, ...facts }, 'eu-central-1', '111122223333')

it('everything holds', () => {
  expect(judged({}).map(({ state }) => state)).toEqual(['ok', 'ok', 'ok', 'ok', 'ok'])
})

const inState = (state: string): Partial<Facts> => ({ stacks: { [stack]: state } })

it.each([
  ['another Node', { nodeVersion: '22.1.0' }, 'fail', 'expected Node 24'],
  [
    'another CDK CLI',
    { cdk: { pinned: '2.1148.1', installed: '3.0.0' } },
    'fail',
    'expected the CDK CLI 2.1148.1; got 3.0.0',
  ],
  ['no bootstrap', { bootstrapVersion: undefined }, 'fail', 'npx cdk bootstrap aws://111122223333/eu-central-1'],
  ['an old bootstrap', { bootstrapVersion: 5 }, 'fail', 'expected a CDK bootstrap of version 6; got 5'],
  ['a new account', { concurrentExecutions: 10, reservedExecutions: 0 }, 'warn', 'only 10 functions'],
  [
    'an account that is too small for what is reserved',
    { concurrentExecutions: 336 },
    'fail',
    'expected 337 functions',
  ],
  ['one that is just large enough', { concurrentExecutions: 337 }, 'ok', '337 functions may run'],
  ['a quota that may not be asked for', { concurrentExecutions: undefined }, 'warn', 'does not tell'],
  ['a deploy that runs', inState('UPDATE_IN_PROGRESS'), 'fail', 'wait until it is done'],
  ['a first deploy that failed', inState('ROLLBACK_COMPLETE'), 'fail', 'can only be deleted'],
  ['a rollback that failed', inState('UPDATE_ROLLBACK_FAILED'), 'fail', `npx cdk rollback ${stack}`],
  ['a stack that is there', inState('UPDATE_ROLLBACK_COMPLETE'), 'ok', 'will be updated (UPDATE_ROLLBACK_COMPLETE)'],
] as const)('%s', (_, facts: Partial<Facts>, state, text) => {
  expect(judged(facts)).toContainEqual({ state, text: expect.stringContaining(text) })
})

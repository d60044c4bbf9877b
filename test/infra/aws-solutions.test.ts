// cdk-nag's AwsSolutions on both stacks of the deployed stages: nothing is found but what is acknowledged, and each
// acknowledgement is needed.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { acknowledgeFindings, acknowledgements, findAgainstAwsSolutions } from '../../lib/aws-solutions.ts'
import type { Stage } from '../../lib/stage.ts'
import { stageNames } from '../../lib/stage-table.ts'
import { build, stageOf } from './templates.ts'

const deployed = stageNames.filter((name) => stageOf(name).meetsAwsSolutions)

function findAll(name: Stage['name'], acknowledged: boolean): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'verified-wallets-test-'))
  try {
    const { app } = build(stageOf(name), folder)
    if (acknowledged) acknowledgeFindings(app)
    return findAgainstAwsSolutions(app)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

test('is asked of dev and prod', () => expect(deployed).toEqual(['dev', 'prod']))

test.each(deployed)('finds nothing in %s that is not acknowledged', (name) => expect(findAll(name, true)).toEqual([]))

test('each acknowledgement stands for findings, and each of its paths', () => {
  const found = deployed.flatMap((name) => findAll(name, false))
  const idle = acknowledgements.flatMap(({ id, paths }) =>
    paths
      .filter(
        (path) => !found.some((each) => each.startsWith(`${id} `) && `${each.split(': ')[0]}/`.includes(`/${path}/`)),
      )
      .map((path) => `${id} ${path}`),
  )
  expect(idle).toEqual([])
})

test('there are at most 12, and each names what compensates', () => {
  expect(acknowledgements.length).toBeLessThanOrEqual(12)
  for (const { reason } of acknowledgements) expect(reason).toMatch(/\. Compensated: .{20,}\.$/)
})

// `npm run synth`: writes the templates of the stage that is named, or of all, and holds them against cfn-lint's rules.
// What they are made of, and cdk-nag's rules, are bin/app.ts's.
import { spawn } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { stageNames } from '../lib/stage-table.ts'
import { describeFinding, isLeftOut, lintTemplates } from './cfn-lint.ts'
import { describe } from './local-error.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

try {
  process.exitCode = await synthesise()
} catch (error) {
  console.error(describe(error))
  process.exitCode = 1
}

async function synthesise(): Promise<number> {
  const { values } = parseArgs({ options: { stage: { type: 'string' } } })
  const status = await runApp(values.stage === undefined ? [] : ['--stage', values.stage])
  if (status !== 0) return status
  const stages = stageNames.filter((name) => name === (values.stage ?? name))
  const files = (await Promise.all(stages.map(findTemplates))).flat()
  const found = await lintTemplates(files, { say: (text) => console.error(text) })
  const findings = found.filter((finding) => !isLeftOut(finding))
  for (const finding of findings) console.error(describeFinding(finding))
  if (findings.length > 0) return 1
  console.log(`${files.length} templates of ${stages.join(', ')} in cdk.out: nothing found`)
  return 0
}

function runApp(flags: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [join(root, 'bin', 'app.ts'), ...flags], { cwd: root, stdio: 'inherit' })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (status) => resolve(status ?? 1))
  })
}

async function findTemplates(stage: string): Promise<string[]> {
  const folder = join(root, 'cdk.out', stage)
  return (await readdir(folder)).filter((name) => name.endsWith('.template.json')).map((name) => join(folder, name))
}

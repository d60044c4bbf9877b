// cfn-lint over synthesised templates: installs it, runs it, says what it found. What it is told to leave out stands here.
import { execFile } from 'node:child_process'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as z from 'zod'
import { type InstallOptions, installPython } from './install.ts'
import { LocalError } from './local-error.ts'

const requirementsFile = fileURLToPath(new URL('cfn-lint-requirements.txt', import.meta.url))

/** What cfn-lint finds and is wrong about, and why. A test holds that each is still found. */
export const leftOut: readonly { readonly rule: string; readonly message: RegExp; readonly reason: string }[] = [
  {
    rule: 'W3005',
    message: /dependency already enforced/,
    reason: 'CDK writes the dependency on a role also where a reference implies it',
  },
  {
    rule: 'E1022',
    message: /^{'Fn::GetStackOutput': .*} is not of type 'string'$/,
    reason: 'cfn-lint 1.58 does not know that function within Fn::Split, where CDK writes it itself (aws-cdk#37948)',
  },
]

const findingsSchema = z.array(
  z.object({
    Rule: z.object({ Id: z.string() }),
    Message: z.string(),
    Filename: z.string(),
    Location: z.object({ Path: z.array(z.union([z.string(), z.number()])).nullish() }),
  }),
)

/** What cfn-lint says of a template: the rule, the file, where in it, and what is wrong. */
export type Finding = { readonly rule: string; readonly file: string; readonly path: string; readonly message: string }

/** One line a finding, for people. */
export const describeFinding = ({ rule, file, path, message }: Finding): string =>
  `${relative('', file)}: ${path}: ${rule}: ${message}`

/** Whether a finding is one of those that cfn-lint is wrong about. */
export const isLeftOut = ({ rule, message }: Finding): boolean =>
  leftOut.some((each) => each.rule === rule && each.message.test(message))

/**
 * Runs cfn-lint over templates. Installs it unless it is there.
 *
 * @param files paths of templates
 * @returns all that it found, what is left out included
 * @throws {LocalError} when it could not be run
 */
export async function lintTemplates(files: readonly string[], options: InstallOptions): Promise<Finding[]> {
  const what = { name: 'cfn-lint', describe: 'cfn-lint (Python packages, about 180 MB)', requirementsFile }
  const python = await installPython(what, options)
  const output = await new Promise<string>((resolve, reject) => {
    const flags = ['--format', 'json', '--', ...files]
    // Its exit status is a sum of 2, 4 and 8 for what it found; any other is a failure of its own.
    execFile(join(python, '..', 'cfn-lint'), flags, { maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      const status = error === null ? 0 : Number(error.code)
      if (status % 2 === 0 && status <= 14) resolve(stdout)
      else reject(new LocalError(`cfn-lint failed (exit status ${error?.code}): ${stderr.slice(-2000)}`))
    })
  })
  return findingsSchema.parse(JSON.parse(output)).map(({ Rule, Filename, Location, Message }) => ({
    ...{ rule: Rule.Id, file: Filename, path: (Location.Path ?? []).join('/'), message: Message },
  }))
}

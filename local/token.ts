// `npm run --silent token`: prints an access token for a local stack, and nothing else. What tokens are is in issuer.ts.
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { scopes } from '../shared/access.ts'
import { userIdSchema } from '../shared/model.ts'
import { type Bearer, issueToken, localClientId } from './issuer.ts'
import { describe, LocalError } from './local-error.ts'

const usage = `usage: npm run --silent token -- (--user ID | --service NAME) [flags]

  --user ID              for an end user, whose user_id this is
  --service NAME         for a service, which may do for any user what its scopes allow
  --scope 'NAME …'       what it allows (default: all of them); a service's become NAME:any, but for ops:read:
                         ${scopes.join(', ')}
  --lifetime SECONDS     1 to 86400 (default 3600)
  --state DIR            of a stack started with --state DIR (default .local/state)
  --help                 show this`

try {
  process.stdout.write(`${await run(process.argv.slice(2))}\n`)
} catch (error) {
  console.error(error instanceof LocalError ? describe(error) : error)
  process.exitCode = 2
}

function readFlags(programArguments: string[]) {
  try {
    return parseArgs({
      args: programArguments,
      options: {
        user: { type: 'string' },
        service: { type: 'string' },
        scope: { type: 'string' },
        lifetime: { type: 'string', default: '3600' },
        state: { type: 'string', default: '.local/state' },
        help: { type: 'boolean', default: false },
      },
    }).values
  } catch (cause) {
    throw new LocalError(`${describe(cause)}\n\n${usage}`, { cause })
  }
}

/** What is printed. */
async function run(programArguments: string[]): Promise<string> {
  const { user, service, scope, lifetime, state, help } = readFlags(programArguments)
  if (help) return usage
  const seconds = /^\d{1,5}$/.test(lifetime) ? Number(lifetime) : 0
  if (seconds < 1 || seconds > 86_400) {
    throw new LocalError(`--lifetime: expected whole seconds from 1 to 86400; got "${lifetime}"`)
  }
  const asked = scope?.split(' ').filter((name) => name !== '')
  const malformed = asked?.find((name) => !/^[\x21\x23-\x5b\x5d-\x7e]+$/.test(name))
  if (malformed !== undefined) {
    throw new LocalError('--scope: expected names of printable ASCII, separated by spaces (RFC 6749, 3.3)')
  }
  return await issueToken(resolve(state), toBearer(user, service, asked), { scopes: asked, lifetime: seconds })
}

function toBearer(user: string | undefined, service: string | undefined, asked: readonly string[] = []): Bearer {
  if ((user === undefined) === (service === undefined)) {
    throw new LocalError(`expected either --user ID or --service NAME\n\n${usage}`)
  }
  const name = userIdSchema.safeParse(user ?? service)
  if (!name.success) {
    throw new LocalError(`--${user === undefined ? 'service' : 'user'}: ${name.error.issues[0]?.message}`)
  }
  if (user === undefined) return { service: name.data }
  if (user === localClientId) {
    throw new LocalError(
      `--user: ${localClientId} is the name of the application that users sign in through; take another`,
    )
  }
  const forAny = asked.find((scope) => scope.endsWith(':any'))
  if (forAny !== undefined)
    throw new LocalError(`--scope: ${forAny} is for services; give --service NAME instead of --user`)
  return { user: name.data }
}

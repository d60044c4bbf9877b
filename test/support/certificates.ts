// Throwaway authorities and certificates for servers of tests, made by openssl.
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** PEM; the private key is PKCS #8. */
export type ServerCertificate = { readonly certificate: string; readonly key: string }

export type Authority = {
  /** Its own certificate, PEM. */
  readonly certificate: string
  /** A certificate for that host name. */
  readonly issue: (host: string) => ServerCertificate
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

/** Makes an authority whose files are in that folder. */
export function makeAuthority(folder: string, name: string): Authority {
  const file = (suffix: string) => join(folder, `${name}.${suffix}`)
  const run = (...parameters: string[]) => execFileSync('openssl', parameters, { stdio: ['ignore', 'ignore', 'pipe'] })
  const read = (suffix: string) => readFileSync(file(suffix), 'utf8')
  run('req', '-x509', ...newKey, '-keyout', file('key'), '-out', file('pem'), '-days', '2', '-subj', `/CN=${name}`)
  return {
    certificate: read('pem'),
    issue: (host) => {
      writeFileSync(file('extensions'), `subjectAltName=DNS:${host}\n`)
      run('req', ...newKey, '-keyout', file('host.key'), '-out', file('host.csr'), '-subj', `/CN=${host}`)
      const signing = ['-CA', file('pem'), '-CAkey', file('key'), '-CAcreateserial', '-days', '2']
      run('x509', '-req', '-in', file('host.csr'), ...signing, '-extfile', file('extensions'), '-out', file('host.pem'))
      return { certificate: read('host.pem'), key: read('host.key') }
    },
  }
}

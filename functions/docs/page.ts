// The page on which a person reads the contract and tries it: Swagger UI, whole in one HTML file. Nothing is loaded from
// anywhere but the document itself, and no script runs that is not named by its hash.
import { createHash } from 'node:crypto'

export type PageParts = {
  /** Swagger UI's own, as its package has them. */
  readonly library: string
  readonly style: string
  /** Ours, after the library's. */
  readonly ownScript: string
  readonly ownStyle: string
}

export type Page = {
  readonly html: string
  /** Value of `Content-Security-Policy` (CSP level 3). */
  readonly policy: string
}

/** Inside a script element these begin or end what HTML parses otherwise (HTML, 4.12.1.3); in strings and regular expressions `\x3C` is the same. */
export const escapeScript = (text: string) => text.replace(/<(?=!--|\/?script)/gi, '\\x3C')

const withoutSourceMap = (text: string) => text.replace(/\/[/*][#@] sourceMappingURL=\S+(?: \*\/)?\s*$/, '')

const hash = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`

/** Puts the page together. The same parts give the same bytes. */
export function makePage(parts: PageParts): Page {
  const styles = [withoutSourceMap(parts.style), parts.ownStyle]
  const scripts = [withoutSourceMap(parts.library), parts.ownScript].map(escapeScript)
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Verified wallets: the API</title>
<link rel="icon" href="data:,">
${styles.map((style) => `<style>${style}</style>`).join('\n')}
</head>
<body>
<noscript><p>This page needs JavaScript. The contract for programs is at <a href="../openapi.json">openapi.json</a>.</p></noscript>
<div id="api"></div>
${scripts.map((script) => `<script>${script}</script>`).join('\n')}
</body>
</html>
`
  const policy = [
    "default-src 'none'",
    `script-src ${scripts.map(hash).join(' ')}`,
    `style-src ${styles.map(hash).join(' ')}`,
    // Swagger UI's style sheet has its icons in itself.
    'img-src data:',
    // The document, and the calls that the person makes.
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
  return { html, policy }
}

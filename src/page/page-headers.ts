import { createHash } from 'node:crypto'

/**
 * Headers of the page: only its own inline script and style run, besides modules of the server it came from, and it
 * connects only to there.
 */
export function pageHeaders(page: string): Record<string, string> {
  const policy = [
    "default-src 'none'",
    `script-src ${["'self'", ...hashesOf(page, 'script')].join(' ')}`,
    `style-src ${hashesOf(page, 'style').join(' ') || "'none'"}`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'"
  ]
  return {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': policy.join('; '),
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-cache'
  }
}

function hashesOf(page: string, element: 'script' | 'style'): string[] {
  const texts = [...page.matchAll(new RegExp(`<${element}(?: type="module")?>(.*?)</${element}>`, 'gs'))].map(
    ([, text = '']) => text
  )
  return texts.map((text) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`)
}

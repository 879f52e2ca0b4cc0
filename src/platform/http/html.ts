import { stackOf } from '../observability/plain.ts';
import type { CodedError } from './errors.ts';

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Makes text safe inside an element or a quoted attribute. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}

/**
 * The page that a browser gets in place of problem+json.
 *
 * @param thrown - what was thrown, to show its stack; undefined in production.
 */
export function errorPage(error: CodedError, requestId: string, thrown?: unknown): string {
  const stack = error.status >= 500 && thrown !== undefined ? stackOf(thrown) : undefined;
  return `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>${error.status} ${escapeHtml(error.title)}</title>
  <link rel="icon" href="/favicon.svg" type="image/svg+xml">
  <link rel="stylesheet" href="/style.css">
</head>
<body>
  <main>
    <h1>${escapeHtml(error.title)}</h1>
    ${error.detail ? `<p>${escapeHtml(error.detail)}</p>` : ''}
    <p>Status ${error.status} · code ${error.code} · request <code>${escapeHtml(requestId)}</code></p>
    ${stack ? `<pre>${escapeHtml(stack)}</pre>` : ''}
    <p><a href="/">Back to the start page</a></p>
  </main>
</body>
</html>
`;
}

import { messageOf, stackOf, toError } from '../observability/plain.ts';
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

/** What a person can do about an error, by its status. */
const ADVICE: Readonly<Record<number, string>> = {
  400: 'Go back, correct what is named here, and send it again.',
  401: 'Go back, log in, and try again.',
  403: 'You may not do this here. If you came from another site, begin at the start page.',
  404: 'Check the address for a typing mistake, or begin at the start page.',
  413: 'Go back, and send less.',
  429: 'Wait a moment, and try again.',
  503: 'This is temporary. Wait a moment, and try again.',
};

const ICON = `<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><path d="M12 3 2 20h20zM12 10v4M12 17v.01"/></svg>`;

/**
 * The page that a browser gets in place of problem+json.
 *
 * @param thrown - what was thrown, to show its message and its stack; undefined in production.
 */
export function errorPage(error: CodedError, requestId: string, thrown?: unknown): string {
  const internal = error.status >= 500 && thrown !== undefined ? toError(thrown) : undefined;
  const lead = error.detail ?? (internal && messageOf(internal));
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
  <main class="problem">
    ${ICON}
    <h1>${escapeHtml(error.title)}</h1>
    ${lead ? `<p class="lead">${escapeHtml(lead)}</p>` : ''}
    ${fieldList(error)}
    <p>${adviceFor(error.status)}</p>
    <p><a class="button" href="/">Go to the start page</a></p>
    ${internal ? `<pre tabindex="0">${stackLines(internal)}</pre>` : ''}
    <dl>
      <dt>Status</dt><dd>${error.status} <code>${escapeHtml(error.code)}</code></dd>
      <dt>Request</dt><dd><code>${escapeHtml(requestId)}</code></dd>
    </dl>
  </main>
</body>
</html>
`;
}

function adviceFor(status: number): string {
  const general =
    status >= 500
      ? 'The fault is on our side. Try again; if it stays, report the request below.'
      : 'Go back, or begin at the start page.';
  return ADVICE[status] ?? general;
}

function fieldList({ fields = [] }: CodedError): string {
  const items = fields.map(
    ({ field, message }) => `<li><code>${escapeHtml(field)}</code> ${escapeHtml(message)}</li>`,
  );
  return items.length > 0 ? `<ul>${items.join('')}</ul>` : '';
}

/** Lines of packages and of Node are faded: the fault is mostly in one of yours. */
function stackLines(error: Error): string {
  return stackOf(error)
    .split('\n')
    .map((line) => escapeHtml(line))
    .map((line) => (/node_modules|node:/.test(line) ? `<span class="faded">${line}</span>` : line))
    .join('\n');
}

import { escapeHtml } from '../http/html.ts';
import type { DocumentedOperation, DocumentedResponse, OpenApiDocument, Parameter } from './document.ts';

/** The page of an API; public/api-docs.js sends its forms and shows the responses. */
export function docsPage(document: OpenApiDocument, asset: (name: string) => string): string {
  const { title, version } = document.info;
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  const tags = [...new Set(operations.map(({ operation }) => operation.tags[0]))];
  const groups = tags.map((tag) => {
    const ofTag = operations.filter(({ operation }) => operation.tags[0] === tag);
    return `<section><h2>${escapeHtml(tag ?? '')}</h2>${ofTag.map(operationHtml).join('')}</section>`;
  });
  return `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>API of ${escapeHtml(title)}</title>
  <link rel="icon" href="${asset('favicon.svg')}" type="image/svg+xml">
  <link rel="stylesheet" href="${asset('style.css')}">
  <link rel="stylesheet" href="${asset('api-docs.css')}">
  <script type="module" src="${asset('api-docs.js')}"></script>
</head>
<body>
  <main>
    <h1>API of ${escapeHtml(title)} <small>${escapeHtml(version)}</small></h1>
    <p class="lead">The same as <a href="/openapi.json">OpenAPI 3.1</a>. Requests from here have your session’s cookie.</p>
    ${groups.join('\n')}
  </main>
</body>
</html>
`;
}

interface Shown {
  readonly path: string;
  readonly method: string;
  readonly operation: DocumentedOperation;
}

function operationHtml({ path, method, operation }: Shown): string {
  const { operationId, summary, description, security, parameters, requestBody, responses } = operation;
  return `<details class="card operation" id="${escapeHtml(operationId)}">
  <summary><code class="method">${method.toUpperCase()}</code> <code>${escapeHtml(path)}</code> <span>${escapeHtml(summary)}</span>${
    security.length > 0 ? ' <span class="chip">needs a login</span>' : ''
  }</summary>
  ${description === undefined ? '' : `<p>${escapeHtml(description)}</p>`}
  ${method === 'get' ? form(path, parameters) : parameters.map(parameterHtml).join('')}
  ${requestBody ? `<h3>Body</h3>${contentHtml(requestBody.content)}` : ''}
  <h3>Responses</h3>
  <dl>${Object.entries(responses).map(responseHtml).join('')}</dl>
</details>`;
}

/** Without JavaScript a browser sends it, too, where the path has no parameters. */
function form(path: string, parameters: readonly Parameter[]): string {
  const inputs = parameters.map(({ name, in: place, required, schema }) => {
    const value = example(schema);
    const label = `<span>${escapeHtml(name)}${required ? ' <small>required</small>' : ''}</span>`;
    return `<label>${label} <input name="${escapeHtml(name)}" data-in="${place}"${
      value === undefined ? '' : ` placeholder="${escapeHtml(value)}"`
    }${required ? ' required' : ''}></label>`;
  });
  return `<form method="get" action="${escapeHtml(path)}">${inputs.join('')}<button>Try it</button></form>
  <div class="response"></div>`;
}

function example({ examples, default: preset }: Parameter['schema']): string | undefined {
  const first: unknown = Array.isArray(examples) ? examples[0] : preset;
  return typeof first === 'string' ? first : undefined;
}

function parameterHtml({ name, schema }: Parameter): string {
  return `<p><code>${escapeHtml(name)}</code> <code>${escapeHtml(JSON.stringify(schema))}</code></p>`;
}

function responseHtml([status, { description, content }]: [string, DocumentedResponse]): string {
  const isProblem = content !== undefined && 'application/problem+json' in content;
  const kind = status.startsWith('2') ? 'good' : status.startsWith('3') ? '' : 'bad';
  return `<dt><span class="chip ${kind}">${status}</span></dt><dd>${escapeHtml(description)}${isProblem ? '' : contentHtml(content)}</dd>`;
}

function contentHtml(content: DocumentedResponse['content'] = {}): string {
  return Object.entries(content)
    .map(([type, { schema }]) => {
      const json = escapeHtml(JSON.stringify(schema, undefined, 2));
      return `<details><summary>${escapeHtml(type)}</summary><pre>${json}</pre></details>`;
    })
    .join('');
}

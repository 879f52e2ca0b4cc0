import { readdir, readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { projectPath } from '../config/paths.ts';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** A build puts them beside the page's own. */
const CHART_FILES = ['uPlot.iife.min.js', 'uPlot.min.css'];

export interface PageFile {
  readonly type: string;
  readonly body: Buffer;
}

/**
 * Reads the page's files, once: a primary outlives the release that it was started from. What is not among them is not
 * served, whatever the path in a request is.
 */
export async function readPage(): Promise<ReadonlyMap<string, PageFile>> {
  const folder = fileURLToPath(new URL('page', import.meta.url));
  const own = (await readdir(folder).catch(() => [])).map((name) => join(folder, name));
  const charts = CHART_FILES.map((name) => projectPath('node_modules', 'uplot', 'dist', name));
  const files = new Map<string, PageFile>();
  for (const path of [...charts, ...own]) {
    const type = TYPES[extname(path)];
    const body = type && (await readFile(path).catch(() => undefined));
    if (type && body) files.set(path.slice(path.lastIndexOf('/') + 1), { type, body });
  }
  return files;
}

/** What those without the token get. */
export function loginPage(message: string): string {
  return `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>Operations: log in</title>
  <link rel="icon" href="data:,">
  <link rel="stylesheet" href="/page/operations.css">
</head>
<body class="login">
  <main>
    <h1>Operations</h1>
    <p role="status">${message}</p>
    <form method="post" action="/login">
      <label for="token">Token</label>
      <input id="token" name="token" type="password" autocomplete="off" required autofocus>
      <button>Log in</button>
    </form>
    <p><code>npm run ctl -- admin</code> prints a link with the token. Where ADMIN_TOKEN is set, it is the token.</p>
  </main>
</body>
</html>
`;
}

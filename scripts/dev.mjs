// `npm run dev`: the app in one process, which starts again when a file that it imports changes, or .env.
// tsx looks at no file whose name begins with a dot, but it starts the app again for each line on its stdin.
import { spawn } from 'node:child_process';
import { watchFile } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Polling, because it also sees a file that is made, replaced or behind a link. In milliseconds. */
const INTERVAL_MS = 500;

const root = fileURLToPath(new URL('..', import.meta.url));
const tsx = createRequire(import.meta.url).resolve('tsx/cli');
const child = spawn(process.execPath, [tsx, 'watch', '--clear-screen=false', 'src/server.ts'], {
  cwd: root,
  stdio: ['pipe', 'inherit', 'inherit'],
});

// Return by hand starts it again, too; the end of our stdin is not the end of the app.
process.stdin.pipe(child.stdin, { end: false });
watchFile(join(root, '.env'), { interval: INTERVAL_MS }, () => child.stdin.write('\n'));

// On Ctrl-C the terminal signals the whole group; a second SIGINT would have tsx kill the app.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.on('exit', (code) => process.exit(code ?? 1));

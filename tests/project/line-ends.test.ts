import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const COPIED = [
  '.gitattributes',
  '.env.example',
  'Dockerfile',
  'package.json',
  'deploy',
  'scripts',
  'public',
  'src',
];

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'line-ends-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** Git as on Windows: its installer turns core.autocrlf on. */
const git = (cwd: string, ...args: string[]) =>
  run(
    'git',
    ['-c', 'core.autocrlf=true', '-c', 'user.name=test', '-c', 'user.email=test@example.com', ...args],
    {
      cwd,
    },
  );

test('a clone with core.autocrlf=true has a CR in no file: a shell script with CRLF does not run', async () => {
  const origin = join(folder, 'origin');
  for (const name of COPIED) await cp(join(ROOT, name), join(origin, name), { recursive: true });
  await git(origin, 'init', '--quiet');
  await git(origin, 'add', '--all');
  await git(origin, 'commit', '--quiet', '--message', 'all');
  await git(folder, 'clone', '--quiet', origin, 'clone');
  const { stdout } = await git(join(folder, 'clone'), 'ls-files');
  const files = stdout.trim().split('\n');
  expect(files).toEqual(
    expect.arrayContaining(['deploy/switch.sh', 'deploy/docker/nginx.sh', '.env.example']),
  );
  const texts = await Promise.all(
    files.map(async (file) => [file, await readFile(join(folder, 'clone', file), 'latin1')] as const),
  );
  const isText = (text: string) => !text.includes('\0');
  expect(texts.filter(([, text]) => isText(text) && text.includes('\r')).map(([file]) => file)).toEqual([]);
});

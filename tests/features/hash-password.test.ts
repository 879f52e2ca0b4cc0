import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from '@jest/globals';
import { checkPassword } from '../../src/features/account/password.ts';

async function run(input: string): Promise<{ out: string; err: string; code: number }> {
  const child = spawn(process.execPath, ['scripts/hash-password.mjs'], { stdio: 'pipe' });
  child.stdin.end(input);
  const [out, err, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number]>,
  ]);
  return { out, err, code };
}

describe('npm run hash-password', () => {
  test('prints the hash of what it reads, and nothing else', async () => {
    const { out, err, code } = await run('correct horse\n');
    expect({ err, code }).toEqual({ err: '', code: 0 });
    expect(out.split('\n')).toHaveLength(2);
    await expect(checkPassword('correct horse', out.trim())).resolves.toBe(true);
  });

  test('refuses an empty password', async () => {
    const { out, err, code } = await run('\n');
    expect({ out, code }).toEqual({ out: '', code: 1 });
    expect(err).toMatch(/1 to 1024 characters/);
  });
});

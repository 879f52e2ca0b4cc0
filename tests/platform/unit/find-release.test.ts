import { mkdir, mkdtemp, realpath, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { findRelease } from '../../../src/platform/supervisor/fork.ts';

let root = '';
let first = '';
let current = '';

beforeAll(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'release-')));
  first = join(root, 'releases/first');
  current = join(root, 'current');
  await mkdir(join(first, 'dist'), { recursive: true });
  await symlink(first, current);
});

afterAll(() => rm(root, { recursive: true }));

describe('the code that new workers run', () => {
  test('follows "current" when the entry was named by it, whatever the working directory', () => {
    const expected = { exec: join(current, 'dist/server.js'), cwd: current };
    expect(findRelease(join(current, 'dist/cluster.js'), first, undefined)).toEqual(expected);
    expect(findRelease(join(current, 'dist/cluster.js'), first, current)).toEqual(expected);
    expect(findRelease(join(current, 'dist/cluster.js'), root, root)).toEqual({ ...expected, cwd: root });
  });

  test('follows "current" when a shell stood in it and the entry was named from there', () => {
    const expected = { exec: join(current, 'dist/server.js'), cwd: current };
    expect(findRelease(join(first, 'dist/cluster.js'), first, current)).toEqual(expected);
  });

  test('stays where it is without a symlink, and does not believe a PWD that is another folder', () => {
    const expected = { exec: join(first, 'dist/server.js'), cwd: first };
    expect(findRelease(join(first, 'dist/cluster.js'), first, undefined)).toEqual(expected);
    expect(findRelease(join(first, 'dist/cluster.js'), first, '/nonexistent')).toEqual(expected);
    expect(findRelease(join(first, 'dist/cluster.js'), first, tmpdir())).toEqual(expected);
  });
});

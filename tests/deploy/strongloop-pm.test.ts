import { readFile } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import { repositoryPath } from '../support/deploy/render.ts';

describe('the table of StrongLoop PM', () => {
  const readme = async () => readFile(repositoryPath('deploy/strongloop-pm/README.md'), 'utf8');

  test('names only commands of `npm run ctl` that there are', async () => {
    const usage = await readFile(repositoryPath('src/platform/supervisor/ctl.ts'), 'utf8');
    const named = [...(await readme()).matchAll(/npm run ctl -- ([\w-]+)/g)].map(
      ([, command]) => command ?? '',
    );
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((command) => !usage.includes(`ctl -- ${command} `))).toEqual([]);
  });
});

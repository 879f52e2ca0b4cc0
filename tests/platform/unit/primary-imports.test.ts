import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';

const SRC = fileURLToPath(new URL('../../../src', import.meta.url));

/** Everything a file imports, and what that imports; types are gone at run time and don't count. */
function importsOf(file: string, found = new Set<string>()): Set<string> {
  if (found.has(file)) return found;
  found.add(file);
  for (const [, name = ''] of readFileSync(file, 'utf8').matchAll(
    /^(?:import|export) (?!type )[^;']*from '([^']+)';/gm,
  )) {
    if (name.startsWith('.')) importsOf(join(dirname(file), name), found);
    else found.add(name);
  }
  return found;
}

test('the primary imports nothing of the app: it must not be able to die of its bugs', () => {
  const all = [...importsOf(join(SRC, 'cluster.ts'))];
  const packages = all.filter((name) => !name.startsWith('/') && !name.startsWith('node:'));
  expect(packages.sort()).toEqual(['debug', 'dotenv', 'pino', 'prom-client', 'valibot']);
  const files = all.filter((name) => name.startsWith('/')).map((name) => name.slice(SRC.length + 1));
  // The app's settings are read by the primary too: a feature may bring the schema of one.
  const allowed =
    /^(?:(?:cluster|config|features\/\w+\/[\w-]+-setting)\.ts|platform\/(?:config|lifecycle|observability|operations|supervisor)\/.*)$/;
  expect(files.filter((name) => !allowed.test(name))).toEqual([]);
});

test('an app without Redis does not load its client, a tenth of what a start takes', () => {
  expect([...importsOf(join(SRC, 'serve.ts'))]).toContain('express');
  expect([...importsOf(join(SRC, 'serve.ts'))]).not.toContain('ioredis');
});

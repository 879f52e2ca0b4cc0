import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FIXTURES = fileURLToPath(new URL('../fixtures/whole-app/', import.meta.url));

/** Sources are compiled, so their imports name sources; the types of tests are not checked in an app. */
const asSource = (text: string) =>
  `// @ts-nocheck\nimport type { Toolkit } from '../toolkit.ts';\n${text.replace(/(?<= from '\.[^']*)\.js(?=')/g, '.ts')}`;

/** What stands for features/index.ts. */
export async function fixtureIndex(): Promise<string> {
  return asSource(await readFile(join(FIXTURES, 'index.mjs'), 'utf8'));
}

/**
 * Puts the features of tests/fixtures/whole-app in place of an app's features and jobs, so that a test does not depend on
 * the examples.
 *
 * @param folder - the `dist` of a copy, or its `src` with the language `ts`.
 */
export async function useFixtures(folder: string, language: 'js' | 'ts' = 'js'): Promise<void> {
  const put = (name: string, text: string) =>
    writeFile(join(folder, `${name}.${language}`), language === 'ts' ? asSource(text) : text);
  await put('features/index', await readFile(join(FIXTURES, 'index.mjs'), 'utf8'));
  await put('features/whole-app', await readFile(join(FIXTURES, 'features.mjs'), 'utf8'));
  await put('jobs/index', "export { jobs } from '../features/index.js';\n");
}

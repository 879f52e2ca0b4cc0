import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { fixtureIndex } from '../fixture-features.ts';
import { ROOT } from './files.ts';
import { fencesOf } from './markdown.ts';
import { place, snippetOf } from './snippets.ts';

/**
 * Adds what a document shows to a built app, so that a test runs it: each snippet of TypeScript in the file that its first
 * line names, compiled as the build does (tests/project/docs.test.ts checks the types). The app has the features for tests
 * (useFixtures).
 *
 * @param dist - the folder of the built app.
 * @param options.renamed - files that have another name in it.
 * @param options.language - `mts` for snippets whose packages the project does not have: nothing checks their types.
 */
export async function addDocumented(
  document: string,
  dist: string,
  {
    renamed = {},
    language = 'ts',
  }: { renamed?: Readonly<Record<string, string>>; language?: 'ts' | 'mts' } = {},
): Promise<void> {
  const snippets = fencesOf(document)
    .filter((fence) => fence.language === language)
    .map(snippetOf);
  const folder = await mkdtemp(join(tmpdir(), 'snippets-'));
  for (const file of new Set(snippets.map((snippet) => snippet.file))) {
    const source = join(folder, file);
    await mkdir(dirname(source), { recursive: true });
    if (file === 'src/features/index.ts') await writeFile(source, await fixtureIndex());
    else if (existsSync(join(ROOT, file))) await cp(join(ROOT, file), source);
    for (const snippet of snippets.filter((one) => one.file === file)) await place(snippet, source);
    const name = file.replace(/^src\//, '').replace(/\.ts$/, '.js');
    const target = join(dist, renamed[name] ?? name);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, compile(await readFile(source, 'utf8')));
  }
  await rm(folder, { recursive: true });
}

function compile(source: string): string {
  const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.json'), (path) => ts.sys.readFile(path)) as {
    config: { compilerOptions: object };
  };
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, ROOT);
  return ts.transpileModule(source, { compilerOptions: { ...options, module: ts.ModuleKind.ESNext } })
    .outputText;
}

import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import ts from 'typescript';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

function filesIn(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)));
}

/** The files that a file imports, types and `import()` included, as paths from the project's folder. */
function importsOf(file: string): string[] {
  const { importedFiles } = ts.preProcessFile(readFileSync(join(ROOT, file), 'utf8'), true, true);
  const relatives = importedFiles.map(({ fileName }) => fileName).filter((name) => name.startsWith('.'));
  return relatives.map((name) => relative(ROOT, join(ROOT, file, '..', name)));
}

const sources = filesIn('src');
const imports = new Map(sources.map((file) => [file, importsOf(file)]));
const isPlatform = (file: string) => file.startsWith('src/platform/');
const isFace = (file: string) => /^src\/platform\/[a-z]+\/index\.ts$/.test(file);

/** The first circle from a file, or none. */
function findCircle(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): string[] => {
    const at = path.indexOf(file);
    if (at !== -1) return [...path.slice(at), file];
    if (done.has(file)) return [];
    for (const next of graph.get(file) ?? []) {
      const circle = visit(next, [...path, file]);
      if (circle.length > 0) return circle;
    }
    done.add(file);
    return [];
  };
  for (const file of graph.keys()) {
    const circle = visit(file, []);
    if (circle.length > 0) return circle;
  }
  return [];
}

describe('imports', () => {
  test('form no circle, types included', () => {
    expect(findCircle(imports)).toEqual([]);
  });

  test('with a circle are found', () => {
    const graph = new Map([
      ['a', ['b']],
      ['b', ['c']],
      ['c', ['b']],
    ]);
    expect(findCircle(graph)).toEqual(['b', 'c', 'b']);
  });

  test('of the platform stay in the platform', () => {
    const outside = sources
      .filter(isPlatform)
      .flatMap((file) =>
        (imports.get(file) ?? []).filter((name) => !isPlatform(name)).map((name) => [file, name]),
      );
    expect(outside).toEqual([]);
  });

  test.each([
    ['src', sources.filter((file) => !isPlatform(file))],
    ['tests/features', filesIn('tests/features')],
  ])('of yours in %s reach the platform through the faces of its rooms', (_where, files) => {
    expect(files.length).toBeGreaterThan(0);
    const past = files.flatMap((file) =>
      importsOf(file)
        .filter((name) => isPlatform(name) && !isFace(name))
        .map((name) => [file, name]),
    );
    expect(past).toEqual([]);
  });

  test('of the supervisor need no Express and no Redis', () => {
    const rooms = sources.filter((file) => file.startsWith('src/platform/supervisor/'));
    const wrong = /^src\/platform\/(?:http|sessions|cache|redis|stores|jobs)\//;
    const found = rooms.flatMap((file) =>
      (imports.get(file) ?? []).filter((name) => wrong.test(name)).map((name) => [file, name]),
    );
    expect(found).toEqual([]);
  });

  test('of node:http are of types: its values come from node-http.ts, which loads less of Node', () => {
    const values = /^import (?!type )[^;]*from 'node:http';/m;
    const found = sources.filter((file) => values.test(readFileSync(join(ROOT, file), 'utf8')));
    expect(found).toEqual([]);
  });
});

test('every room has a face and a README of one screen', () => {
  const rooms = readdirSync(join(ROOT, 'src/platform'), { withFileTypes: true }).filter((entry) =>
    entry.isDirectory(),
  );
  expect(rooms.length).toBeGreaterThan(5);
  for (const { name } of rooms) {
    const files = readdirSync(join(ROOT, 'src/platform', name));
    expect([name, files]).toEqual([name, expect.arrayContaining(['index.ts', 'README.md'])]);
    const lines = readFileSync(join(ROOT, 'src/platform', name, 'README.md'), 'utf8').split('\n');
    expect([name, lines.length <= 45]).toEqual([name, true]);
  }
});

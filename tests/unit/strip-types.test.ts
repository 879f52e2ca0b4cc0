import { expect, test } from '@jest/globals';
import { stripTypes } from '../../scripts/strip-types.mjs';

const SOURCE = `import type { Config } from './config.ts';
import { wrap, type Handler } from '../http/wrap.ts';
import other from 'some.ts';
export { list } from './list.ts';

export interface Options {
  readonly a: string;
}

export async function open<T>(options: Options, text = './kept.ts'): Promise<T> {
  const { load } = (await import('./load.ts')) as { load: (config: Config) => T };
  return load(options as never);
}
`;

test('every character stays in its line and column, and relative imports name .js files', () => {
  const script = stripTypes(SOURCE, 'open.ts');
  const [lines, before] = [script.split('\n'), SOURCE.split('\n')];
  expect(lines.map((line) => line.length)).toEqual(before.map((line) => line.length));
  expect(lines[0]?.trim()).toMatch(/^;?$/);
  expect(lines[1]).toContain("from '../http/wrap.js'");
  expect(lines[2]).toContain("from 'some.ts'");
  expect(lines[3]).toContain("from './list.js'");
  expect(lines[9]).toContain("text = './kept.ts'");
  expect(lines[10]).toContain("await import('./load.js')");
  expect(lines[10]?.indexOf('load.js')).toBe(before[10]?.indexOf('load.ts'));
  expect(script).not.toContain('Options');
});

test("modules of Node's are asked for without their facade, on as many lines", () => {
  const source = `import { once } from 'node:events';
import type { Server } from 'node:http';
import cluster, { type Worker } from 'node:cluster';
import path, { join } from 'node:path';
import { type Socket } from 'node:net';
import {
  readFile as read,
  type FileHandle,
  stat,
} from 'node:fs/promises';
import express from 'express';
export const last = 1;
`;
  expect(stripTypes(source, 'node.ts').replaceAll(/ +/g, ' ').split('\n')).toEqual([
    "const { once } = process.getBuiltinModule('node:events');",
    expect.stringMatching(/^[ ;]*$/),
    "const cluster = process.getBuiltinModule('node:cluster');",
    "const path = process.getBuiltinModule('node:path'), { join } = path;",
    '',
    'const {',
    ' readFile: read,',
    ' ',
    " stat} = process.getBuiltinModule('node:fs/promises');",
    '',
    "import express from 'express';",
    'export const last = 1;',
    '',
  ]);
});

test('what is more than types is refused by file and line', () => {
  expect(() => stripTypes('const a = 1;\nenum Color { Red }\n', 'color.ts')).toThrow(/color\.ts, at line \d/);
});

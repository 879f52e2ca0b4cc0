import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { commentsOf } from '../support/docs/comments.ts';
import { DOCUMENTS, exists, FILES, read } from '../support/docs/files.ts';
import { anchorsOf, codeSpansOf, fencesOf, fileNamesIn, linksOf, pathsIn } from '../support/docs/markdown.ts';
import { isToDo, snippetOf, SnippetProject } from '../support/docs/snippets.ts';

const FOLDERS = [
  'src',
  'tests',
  'docs',
  'deploy',
  'scripts',
  'bench',
  'public',
  'data',
  'dist',
  '/srv/app/current',
];

/** Files of other programs, those that an installation makes, and made-up ones. */
const FOREIGN = new Set(['builtin.vcl', 'replication.conf', 'logo.svg']);

/** What the build, a release or who runs the app makes. */
const MADE = /^(?:(?:\/srv\/app\/current\/)?dist(?:\/public.*|\/)?|deploy\/docker\/app\.env)$/;

const fences = DOCUMENTS.flatMap(fencesOf);

describe('every TypeScript snippet of the documents', () => {
  const snippets = fences.filter(({ language }) => /^(?:ts|typescript)$/.test(language)).map(snippetOf);
  let project: SnippetProject;
  let report: { types: string; lint: string };

  beforeAll(async () => {
    project = await SnippetProject.create(snippets.filter(isToDo));
    report = await project.check();
  }, 120_000);
  afterAll(() => project.remove());

  test('is found', () => {
    expect(snippets.length).toBeGreaterThan(5);
  });

  test("compiles with the project's options, in the file it is for", () => {
    expect(report.types).toBe('');
  });

  test("passes the project's own lint", () => {
    expect(report.lint).toBe('');
  });
});

describe.each(DOCUMENTS)('%s', (document) => {
  const code = [...codeSpansOf(document), ...fencesOf(document).map((fence) => fence.code)];
  const examples = fences.flatMap((fence) => /^\/\/ ([\w./-]+\.ts)\n/.exec(fence.code)?.[1] ?? []);

  test('links to files and headings that are there', () => {
    const broken = linksOf(document).filter(({ file, anchor }) => {
      const target = file.replace(/\/$/, '');
      if (!FILES.some((one) => one === target || one === `${target}/`)) return true;
      return anchor !== undefined && !anchorsOf(target).includes(anchor);
    });
    expect(broken).toEqual([]);
  });

  test('names paths that are there', () => {
    const paths = code.flatMap((text) => pathsIn(text, FOLDERS));
    expect(
      paths.filter(
        (path) =>
          !examples.includes(path.replace(/^(?:\.\.\/)+/, '')) && !MADE.test(path) && !exists(path, document),
      ),
    ).toEqual([]);
  });

  test('names npm scripts that are there', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = [...code.join('\n').matchAll(/npm (?:run )?(?:-\S+ )*(?:run )?([\w:-]+)/g)];
    const names = named
      .filter(([command, name = '']) => command.includes(' run ') || ['start', 'test', 'stop'].includes(name))
      .map(([, name = '']) => name);
    expect(names.filter((name) => !(name in scripts))).toEqual([]);
  });
});

/** In the pipeline's part of src/app.ts, and no layer of it. */
const NO_LAYER = [
  'src/platform/http/middleware/in-order.ts',
  'src/platform/http/route.ts',
  'src/jobs/index.ts',
];

/** The file behind the face of a room that a name comes from. */
function sourceOf(name: string, file: string): string {
  const room = /^src\/platform\/\w+\//.exec(file)?.[0];
  if (room === undefined) return file;
  const exported = [...read(file).matchAll(/export (?:type )?\{([^}]+)\} from '\.\/([^']+)';/g)];
  const found = exported.find(([, names = '']) => new RegExp(`\\b${name}\\b`).test(names));
  return found ? `${room}${found[2] ?? ''}` : file;
}

test('architecture.md has the pipeline in the order of src/app.ts', () => {
  const app = read('src/app.ts');
  const sources = new Map<string, string>();
  for (const [, names = '', from = ''] of app.matchAll(
    /^import (?:type )?\{([^}]+)\} from '\.\/([^']+)';/gm,
  )) {
    for (const name of names.split(',')) sources.set(name.trim(), sourceOf(name.trim(), `src/${from}`));
  }
  const pipeline = app.slice(app.indexOf('app.use('), app.indexOf('return app;'));
  const order = [...pipeline.matchAll(/\b(files\.handler|\w+(?=\())/g)]
    .map(([, name = '']) => sources.get(name === 'files.handler' ? 'staticFiles' : name))
    .filter((file) => file !== undefined && !NO_LAYER.includes(file) && file.startsWith('src/'));

  const [, list = ''] =
    /^\*\*A request\*\*[^]*?\n\n((?:\d+\. .*\n)+)/m.exec(read('docs/architecture.md')) ?? [];
  const told = [...list.matchAll(/^\d+\. \[[^\]]+\]\(\.\.\/([^)]+)\)/gm)].map(([, file]) => file);
  expect(told).toEqual([...new Set(order)]);
  expect(told.length).toBeGreaterThan(8);
});

describe('comments', () => {
  const commented = FILES.filter(
    (file) =>
      /\.(?:ts|mts|mjs|js|conf|cfg|vcl|sh|yml|service|socket)$|(?:^|\/)(?:Dockerfile|\.env\.example|\.dockerignore)$/.test(
        file,
      ) && !/^(?:data|public)\//.test(file),
  );

  test('name files that are there', () => {
    const wrong = commented.flatMap((file) =>
      fileNamesIn(commentsOf(file))
        .filter((name) => !FOREIGN.has(name.replace(/^.*\//, '')) && !exists(name, file))
        .map((name) => `${file}: ${name}`),
    );
    expect(wrong).toEqual([]);
  });
});

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { format } from 'prettier';
import { TemplateCopy } from '../support/template-copy.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

interface Edit {
  readonly file: string;
  readonly where?: string;
}

interface Part {
  readonly name: string;
  readonly delete: readonly string[];
  readonly edits: readonly Edit[];
  readonly needs?: readonly string[];
  readonly packages?: readonly string[];
  readonly scripts?: readonly string[];
}

interface Answers {
  readonly name?: string;
  readonly domain?: string;
  readonly without?: readonly string[];
}

/** These are scripts, so they are no TypeScript. */
const script = (name: string): Promise<unknown> => import(join(ROOT, 'scripts/starter', name));
const { PARTS, TEMPLATE_ONLY } = (await script('manifest.mjs')) as { PARTS: Part[]; TEMPLATE_ONLY: Part };
const { applyEdit } = (await script('edits.mjs')) as { applyEdit: (text: string, edit: Edit) => string };
const { matching, filesIn } = (await script('files.mjs')) as {
  matching: (files: string[], pattern: string) => string[];
  filesIn: (folder: string) => string[];
};
const { mergePackageJson, withoutEntries } = (await script('package-json.mjs')) as {
  mergePackageJson: (before: object, after: object, ours: object) => { merged: object; kept: string[] };
  withoutEntries: (description: object, part: { packages: string[] }) => object;
};
const { GUIDE, guide } = (await script('guide.mjs')) as {
  GUIDE: string;
  guide: (answers: Answers) => string;
};
const { render } = (await script('render.mjs')) as {
  render: (folder: string, answers: Answers) => Promise<Record<'deleted' | 'moved' | 'changed', unknown[]>>;
};

describe('the manifest', () => {
  const files = filesIn(ROOT);
  const { scripts, dependencies, devDependencies } = JSON.parse(
    readFileSync(join(ROOT, 'package.json'), 'utf8'),
  ) as Record<string, Record<string, string>>;

  test.each([TEMPLATE_ONLY, ...PARTS])(
    '$name names files, lines, packages, scripts and parts that are there',
    (part) => {
      expect(part.delete.filter((pattern) => matching(files, pattern).length === 0)).toEqual([]);
      const idle = part.edits.filter((edit) => {
        // What other edits leave.
        if (edit.where !== undefined) return false;
        const path = join(ROOT, edit.file);
        if (!existsSync(path)) return true;
        const text = readFileSync(path, 'utf8');
        return applyEdit(text, edit) === text;
      });
      expect(idle).toEqual([]);
      const known = { ...dependencies, ...devDependencies };
      expect((part.packages ?? []).filter((name) => !(name in known))).toEqual([]);
      expect((part.scripts ?? []).filter((name) => !(name in (scripts ?? {})))).toEqual([]);
      expect((part.needs ?? []).filter((name) => !PARTS.some((other) => other.name === name))).toEqual([]);
    },
  );

  test('is what the guide is made from', async () => {
    const made = await format(guide({}), { printWidth: 110, singleQuote: true, filepath: GUIDE });
    expect(readFileSync(join(ROOT, GUIDE), 'utf8')).toBe(made);
  });
});

describe('a rendered copy', () => {
  let copy: TemplateCopy;
  beforeEach(async () => {
    copy = await TemplateCopy.create();
  });
  afterEach(() => copy.remove());

  test.each(['acme-shop', 'my-app', 'app-shop'])(
    'is the same when it is rendered again as %s',
    async (name) => {
      const answers = { name, domain: 'acme.example', without: ['kubernetes', 'forever', 'todos'] };
      const { changed } = await render(copy.path, answers);
      expect(changed.length).toBeGreaterThan(50);
      expect(await render(copy.path, answers)).toEqual({ deleted: [], moved: [], changed: [] });
    },
  );

  test("has the template's name in no place where one belongs", async () => {
    await render(copy.path, { name: 'acme-shop', domain: 'acme.example', without: [] });
    const left = filesIn(copy.path).flatMap((file) => leftovers(file, readFileSync(copy.file(file), 'utf8')));
    expect(left).toEqual([]);
  });
});

/** Files of the template that a rendered copy keeps, and that name it on purpose. */
const ABOUT_THE_TEMPLATE = /^(?:CHANGELOG\.md|LICENSE|scripts\/(?:starter\/|init\.mjs))|^package-lock\.json$/;

/** Test data, which names nothing that is installed. */
const MADE_UP = /^(?:tests\/(?:platform|features|fixtures)|src|bench)\//;

/** Where the name of the service stands, and no word of prose or role within one configuration. */
const NAMES = [
  /\bexpress-production-starter\b/g,
  /(?:\/(?:srv|etc|run|var\/lib|etc\/ssl|run\/secrets)\/)app(?![\w-])/g,
  /\bapp(?:-pm2)?\.(?:service|socket)\b|\bapp-pm2\b|\bapp\.sid\b|\bapp-\d+\.\d+\.\d+\.tgz/g,
  /\b(?:systemctl(?: -?[\w-]+)+|pm2 (?:reload|restart|stop|logs|scale)|journalctl -u|forever stop) app(?![\w.:-])/g,
  /\broot:app\b|User=app|setuid app|kubernetes\.io\/name: app(?!\w)|job="app"|job: app\b|namespace:? app\b/g,
  /\/\/[\w.]*example\.com|@example\.com|\bexample\.com\b/g,
];

function leftovers(file: string, text: string): string[] {
  if (ABOUT_THE_TEMPLATE.test(file) || text.includes('\0')) return [];
  const patterns = MADE_UP.test(file) ? NAMES.slice(0, 1) : NAMES;
  return patterns.flatMap((pattern) => [...text.matchAll(pattern)].map(([found]) => `${file}: ${found}`));
}

describe('an override of a package in package.json', () => {
  const before = { overrides: { tool: { typescript: '5' } } };
  const after = { overrides: { tool: { typescript: '6' } } };

  test('is updated where the clone left it alone, and kept where it did not', () => {
    expect(mergePackageJson(before, after, { overrides: { tool: { typescript: '5' } } })).toEqual({
      merged: after,
      kept: [],
    });
    const own = { overrides: { tool: { typescript: '4' } } };
    expect(mergePackageJson(before, after, own)).toEqual({
      merged: own,
      kept: ['overrides.tool: {"typescript":"4"} (template: {"typescript":"6"})'],
    });
    expect(mergePackageJson(before, before, own)).toEqual({ merged: own, kept: [] });
  });

  test('goes with the package', () => {
    expect(withoutEntries({ name: 'app', ...before }, { packages: ['tool'] })).toEqual({ name: 'app' });
  });
});

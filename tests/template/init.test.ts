import { existsSync } from 'node:fs';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { TemplateCopy } from '../support/template-copy.ts';

let copy: TemplateCopy;
beforeEach(async () => {
  copy = await TemplateCopy.create();
});
afterEach(() => copy.remove());

const read = (file: string) => readFile(copy.file(file), 'utf8');
const EXAMPLES = 'companies,home,jobs';

/** A script, and so no TypeScript. */
const MANIFEST = '../../scripts/starter/manifest.mjs';
const { PARTS } = (await import(MANIFEST)) as {
  PARTS: { name: string }[];
};

describe('npm run init', () => {
  test('gives everything the name, and leaves a tree that is formatted and compiles', async () => {
    const { code, output } = await copy.init(
      'acme-shop',
      '--domain',
      'acme.example',
      '--without',
      `${EXAMPLES},kubernetes,forever`,
      '--yes',
    );
    expect([code, output]).toEqual([0, expect.stringContaining('This becomes acme-shop (acme.example).')]);
    const [, planned = 'no plan'] =
      /^remove: .*, the template's own tests \((\d+) files\)$/m.exec(output) ?? [];
    expect(output).toContain(`deleted ${planned} files, `);
    const record = JSON.parse(await read('.starter.json')) as object;
    expect(record).toMatchObject({
      name: 'acme-shop',
      domain: 'acme.example',
      without: ['companies', 'jobs', 'home', 'kubernetes', 'forever'],
      template: { commit: (await copy.git('rev-parse', 'HEAD')).trim(), version: expect.any(String) },
    });
    expect(JSON.parse(await read('package.json'))).toMatchObject({ name: 'acme-shop' });
    expect(JSON.parse(await read('package-lock.json'))).toMatchObject({ name: 'acme-shop' });
    expect(await read('package-lock.json')).not.toContain('csv-stringify');
    expect(await read('README.md')).toMatch(/^# acme-shop$/m);
    expect(existsSync(copy.file('deploy/systemd/acme-shop.service'))).toBe(true);
    expect(existsSync(copy.file('tests/template'))).toBe(false);
    expect(await read('.env')).toMatch(/^SESSION_SECRETS=[\w+/]{64}$/m);
    expect((await stat(copy.file('.env'))).mode & 0o777).toBe(0o600);
    expect(await copy.problems()).toBe('');
    // Its documents say nothing of what is gone.
    const tests = await copy.test('tests/project');
    expect([tests.code, tests.output]).toEqual([0, expect.stringMatching(/^Tests: +\d{3} passed/m)]);
  });

  test("of the README's command gives documents that fit", async () => {
    const readme = await read('README.md');
    const [, args = ''] = /^npm run init -- (.+)$/m.exec(readme) ?? [];
    expect((await copy.init(...args.split(' '), '--yes')).code).toBe(0);
    const tests = await copy.test('tests/project');
    expect([tests.code, tests.output]).toEqual([0, expect.stringMatching(/^Tests: +\d{3} passed/m)]);
  });

  test('can be run again, for a further removal alone', async () => {
    await copy.init('acme-shop', '--without', EXAMPLES, '--yes');
    const env = await read('.env');
    const again = await copy.init('--without', 'todos', '--yes');
    expect([again.code, again.output]).toEqual([0, expect.stringMatching(/^remove: todos \(2 files\)$/m)]);
    expect(existsSync(copy.file('src/features/todos'))).toBe(false);
    expect(await read('.env')).toBe(env);
    expect((await copy.init('other', '--yes')).code).toBe(2);
  });

  test('leaves alone what its owner made later, though it looks like what an earlier run removed', async () => {
    await copy.init('acme-shop', '--without', EXAMPLES, '--yes');
    const own = {
      'src/features/home/mine.ts': 'export const mine = 1;\n',
      'notes.md': 'Unlike `/srv/app/`, `docker build --tag app` is ours.\n',
      'src/features/index.ts': `${await read('src/features/index.ts')}export async function features(): Promise<void> {}\n`,
    };
    await mkdir(copy.file('src/features/home'));
    for (const [file, text] of Object.entries(own)) await writeFile(copy.file(file), text);
    expect((await copy.init('--without', 'soak', '--yes')).code).toBe(0);
    for (const [file, text] of Object.entries(own)) expect(await read(file)).toBe(text);
  });

  test('changes nothing with --dry-run, and nothing when it cannot ask', async () => {
    const dry = await copy.init('acme-shop', '--without', EXAMPLES, '--dry-run');
    expect([dry.code, dry.output]).toEqual([
      0,
      expect.stringMatching(/^remove: companies, jobs, home, the template's own tests \(\d+ files\)$/m),
    ]);
    await writeFile(copy.file('note.txt'), 'not committed');
    const dirty = await copy.init('acme-shop');
    expect([dirty.code, dirty.output]).toEqual([
      2,
      expect.stringContaining('changes that are not committed'),
    ]);
    expect(await copy.git('status', '--porcelain')).toBe('?? note.txt\n');
  });

  test('removes an example that stands beside what was generated', async () => {
    for (const [kind, name] of [
      ['feature', 'orders'],
      ['job', 'report'],
      ['page', 'about'],
      ['middleware', 'tenant'],
    ] as const)
      expect(await copy.node('scripts/starter/new.mjs', kind, name)).toMatchObject({ code: 0 });
    const { code } = await copy.init('acme-shop', '--without', 'companies,jobs,home,account,todos', '--yes');
    expect(code).toBe(0);
    expect(await read('src/features/index.ts')).toMatch(/return \{\n {4}orders: orderRepository,\n {2}\};/);
    expect(await copy.problems({ lint: true })).toBe('');
    expect(await copy.test('tests/features')).toMatchObject({ code: 0 });
  });

  test.each([
    [['acme-shop', '--without', 'compnies'], '"compnies" is no part; did you mean "companies"?'],
    [['acme-shop', '--without', 'companies'], 'jobs needs companies: remove jobs too, or keep companies'],
    [
      ['acme-shop', '--keep', 'docker'],
      'docker needs nginx and redis: remove docker too, or keep nginx and redis',
    ],
    [['acme-shop', '--keep', 'pm2', '--without', 'pm2'], '"pm2" can\'t be both kept and removed'],
    [['Acme Shop'], '"Acme Shop" is no name'],
    [['redis'], '"redis" is the name of something else'],
    [['a'.repeat(31)], 'is too long'],
    [['acme-shop', '--domain', 'https://acme.example'], '"https://acme.example" is no domain'],
    [['acme', 'shop'], 'one name, not 2'],
    [['--fast'], "Unknown option '--fast'"],
    [['--without', 'todos'], 'a name is missing'],
  ])('%j is refused with exit code 2, and says why', async (args, message) => {
    const { code, output } = await copy.init(...args, '--yes');
    expect([code, output]).toEqual([2, expect.stringContaining(message)]);
    expect(await copy.git('status', '--porcelain')).toBe('');
  });
});

describe('npm run init on a terminal', () => {
  const NAMES = [
    ['Name of the service: ', 'Acme Shop\r'],
    ['"Acme Shop" is no name', ''],
    ['Name of the service: ', 'acme-shop\r'],
    ['Its domain (shop.example): ', 'https://acme.example\r'],
    ['"https://acme.example" is no domain', ''],
    ['Its domain (shop.example): ', 'acme.example\r'],
  ] as const;
  /** All parts but the companies, and with them their job and the start page. */
  const asked = PARTS.map(({ name }) => name).filter((name) => name !== 'jobs' && name !== 'home');
  const KEPT = asked.map((name) => [`  ${name}: `, name === 'companies' ? 'n\r' : '\r'] as const);

  test('asks for the names until they are good, for each part, and before it begins', async () => {
    await writeFile(copy.file('note.txt'), 'not committed');
    const { code, output } = await copy.initOnTerminal([
      ...NAMES,
      ...KEPT,
      ['changes that are not committed; git could not undo init alone. Go on? [y/N] ', 'y\r'],
    ]);
    expect([code, output]).toEqual([0, expect.stringContaining('Next: npm install && npm run check')]);
    expect(JSON.parse(await read('.starter.json'))).toMatchObject({
      name: 'acme-shop',
      domain: 'acme.example',
      without: ['companies', 'jobs', 'home'],
    });
    expect(await copy.initOnTerminal([...KEPT.slice(1), ['Go on? [y/N] ', 'n\r']])).toMatchObject({
      code: 1,
    });
  });

  test.each([
    ['"no" at the end', [...NAMES, ...KEPT, ['Go on? [y/N] ', 'n\r']], /keep: /],
    ['Enter at the end', [...NAMES, ...KEPT, ['Go on? [y/N] ', '\r']], /keep: /],
    ['Ctrl-C at the end', [...NAMES, ...KEPT, ['Go on? [y/N] ', '\u0003']], /nothing was changed/],
    ['Ctrl-C at the name', [['Name of the service: ', '\u0003']], /nothing was changed/],
    ['the end of the input at the name', [['Name of the service: ', '\u0004']], /nothing was changed/],
    ['the end of the input at a part', [...NAMES, ['  companies: ', '\u0004']], /nothing was changed/],
  ] as const)('changes nothing after %s, and exits with 1', async (_what, dialogue, message) => {
    const { code, output } = await copy.initOnTerminal(dialogue);
    expect([code, output]).toEqual([1, expect.stringMatching(message)]);
    expect(await copy.git('status', '--porcelain')).toBe('');
    expect(existsSync(copy.file('.env'))).toBe(false);
  });
});

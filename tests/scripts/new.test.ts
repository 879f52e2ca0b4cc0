import { symlink } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Outcome } from '../support/outcome.ts';
import { SmallProject } from '../support/small-project.ts';

const MINUTES = 60_000;
const PRETTIER = 'node_modules/prettier/bin/prettier.cjs';

let project: SmallProject;
let made: Outcome[];
/** The files that the generator reported. */
let files: string[];
/** What Prettier says of them. */
let format: Outcome;

const generate = (...args: string[]) => project.run('node', 'scripts/starter/new.mjs', ...args);

beforeAll(async () => {
  project = await SmallProject.whole();
  made = [
    await generate('feature', 'orders', '--with-setting', '--with-metric'),
    await generate('feature', 'purchase-entry'),
    await generate('feature', 'movies-of-people', '--singular', 'movie-of-people'),
    await generate('job', 'send-reminders'),
    await generate('middleware', 'tenant'),
    await generate('page', 'about'),
  ];
  const reported = made.flatMap(({ stdout }) => [...stdout.matchAll(/^(?:created|changed) {2}(.+)$/gm)]);
  files = [...new Set(reported.map(([, file = '']) => file))];
  const known = files.filter((file) => file !== '.env.example');
  format = await project.run('node', PRETTIER, '--check', ...known);
  await addField();
}, 5 * MINUTES);
afterAll(() => project.remove());

/** Adds a field to one of the features, as docs/store-something.md says. */
async function addField(): Promise<void> {
  const document = await project.read('docs/store-something.md');
  const [, field = ''] = /```js\n(pieces: .*)\n```/.exec(document) ?? [];
  const [, result = ''] = /`(return .* as Order\);)`/.exec(document) ?? [];
  const replace = async (file: string, from: string, to: string) => {
    const text = await project.read(file);
    expect(text).toContain(from);
    await project.write(file, text.replace(from, to));
  };
  const folder = 'src/features/purchase-entries';
  await replace(`${folder}/purchase-entry.ts`, 'const fields = {', `const fields = {\n  ${field}`);
  const parse = 'return JSON.parse(text) as PurchaseEntry;';
  await replace(`${folder}/redis-repository.ts`, parse, result.replace('Order', 'PurchaseEntry'));
  const [before, after] = ["name: 'first'", "name: 'first', pieces: 2"];
  await replace('tests/features/purchase-entries.test.ts', before, after);
  await replace('tests/features/purchase-entries-repository.test.ts', before, after);
}

const isCode = (file: string) => file.endsWith('.ts');

/** Runs test files as `npm test` does. */
function jest(env: Readonly<Record<string, string>>, ...args: string[]): Promise<Outcome> {
  const options = ['--experimental-vm-modules', '--no-warnings=ExperimentalWarning'];
  return project.runWith(env, process.execPath, ...options, 'node_modules/jest/bin/jest.js', ...args);
}

describe('what is generated', () => {
  test('is reported, with what to do next', () => {
    expect(made.map(({ code, stderr }) => ({ code, stderr }))).toEqual(
      made.map(() => ({ code: 0, stderr: '' })),
    );
    expect(made[0]?.stdout).toContain('Next: add your fields in src/features/orders/order.ts');
    expect(files).toEqual(
      expect.arrayContaining([
        'src/features/purchase-entries/purchase-entry.ts',
        'src/features/movies-of-people/movie-of-people.ts',
        'src/jobs/send-reminders.ts',
        'src/features/tenant/index.ts',
        'src/features/about/index.ts',
        'tests/features/orders-repository.test.ts',
        '.env.example',
      ]),
    );
  });

  test('is formatted', () => {
    expect(format).toMatchObject({ code: 0, stderr: '' });
  });

  test('has nothing left of the template', async () => {
    for (const file of files) {
      expect([file, await project.read(file)]).toEqual([
        file,
        expect.not.stringMatching(/spare.?part|\/\/ (?:with|without|end)\b/i),
      ]);
    }
  });

  test(
    'compiles, and passes lint',
    async () => {
      const checker = 'tests/support/docs/check-snippets.mjs';
      const { stdout, stderr } = await project.run('node', checker, project.path, ...files.filter(isCode));
      expect(stderr).toBe('');
      expect(JSON.parse(stdout)).toEqual({ types: '', lint: '' });
    },
    5 * MINUTES,
  );

  test(
    'passes its tests, and leaves those about the project passing',
    async () => {
      const { code, stderr } = await jest(
        { CI: 'true' },
        ...files.filter((file) => file.endsWith('.test.ts')),
        'tests/project/structure',
        'tests/project/docs',
        'tests/project/size',
        'tests/platform/unit/config',
      );
      expect([code, stderr]).toEqual([0, expect.stringContaining('PASS tests/features/orders-repository')]);
    },
    5 * MINUTES,
  );

  test(
    'passes its tests without a redis-server',
    async () => {
      // Node alone on the PATH.
      await symlink(process.execPath, project.file('node'));
      const tests = files.filter((file) => file.endsWith('.test.ts'));
      const { code, stderr } = await jest({ PATH: project.path }, ...tests);
      expect([code, stderr]).toEqual([0, expect.stringContaining('"orders in Redis" needs a redis-server')]);
    },
    5 * MINUTES,
  );
});

describe('is refused, and nothing is changed:', () => {
  const everything = async () => {
    const { stdout } = await project.run(
      'sh',
      '-c',
      'find . -type f -not -path "./node_modules/*" | sort | xargs cksum',
    );
    return stdout;
  };

  test.each([
    ['a feature that is there', ['feature', 'orders'], 'There is one already: src/features/orders/README.md'],
    ['a page with the name of a feature', ['page', 'todos'], 'There is one already: src/features/todos'],
    ['a job that is there', ['job', 'send-reminders'], 'There is one already: src/jobs/send-reminders.ts'],
    ['capital letters', ['feature', 'Orders'], '"Orders" is no name'],
    ['a path', ['page', '../about'], '"../about" is no name'],
    ['a digit in front', ['job', '2nd'], '"2nd" is no name'],
    ['a word of JavaScript', ['feature', 'classes'], '"class" is a name that the code uses already'],
    ['another word of it', ['job', 'await'], '"await" is a name'],
    ['a name of the code around it', ['feature', 'sessions'], '"session" is a name'],
    ['a global that it uses', ['feature', 'maps'], '"Map" is a name'],
    ['a name of the file that mounts it', ['page', 'toolkit'], '"toolkit" is a name'],
    ['an option for another kind', ['job', 'cleanup', '--with-metric'], 'for features only'],
    ['an unknown option', ['feature', 'parcels', '--with-luck'], "Unknown option '--with-luck'"],
    ['an unknown kind', ['controller', 'parcels'], 'npm run new -- feature orders'],
    ['no name', ['feature'], 'Give one name.'],
    ['two names', ['feature', 'parcels', 'letters'], 'Give one name.'],
  ])('%s', async (_what, args, message) => {
    const before = await everything();
    const { code, stdout, stderr } = await generate(...args);
    expect({ code, stdout, stderr }).toEqual({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining(message),
    });
    expect(await everything()).toBe(before);
  });

  test('what has no place to be mounted at', async () => {
    const app = await project.read('src/app.ts');
    await project.write('src/app.ts', app.replace(/^ *wellFormed\(\),\n/m, ''));
    const before = await everything();
    const { code, stderr } = await generate('middleware', 'region');
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/^In src\/app\.ts there is no place .*region\(\)/),
    ]);
    expect(await everything()).toBe(before);
    await project.write('src/app.ts', app);
  });
});

test('--help explains the kinds', async () => {
  const { code, stdout } = await generate('--help');
  expect([code, stdout]).toEqual([0, expect.stringContaining('npm run new -- job send-reminders')]);
});

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { until } from '../support/deploy/until.ts';
import { SmallProject } from '../support/small-project.ts';

// Without Node's types, which would be most of a build's time.
const TSCONFIG = JSON.stringify({
  compilerOptions: { module: 'nodenext', target: 'es2023', lib: ['es2023'], types: [], noEmit: true },
});
const CONSOLE = 'declare const console: { log(text: string): void };';
const hello = (text: string) => `${CONSOLE}\nconst text: string = '${text}';\nconsole.log(text);\n`;
const SOURCES = {
  'tsconfig.json': TSCONFIG,
  'src/server.ts': hello('server'),
  'src/cluster.ts': hello('one'),
  'src/ctl.ts': hello('ctl'),
  'src/deep/part.ts': 'export const part: number = 1;\n',
};

let project: SmallProject;
const create = async () => {
  project = await SmallProject.create(SOURCES);
};
const remove = () => project.remove();

const build = (...args: string[]) => project.run('node', 'scripts/build.mjs', ...args);
const buildIfStale = () => build('--if-stale');
const isBuilt = /^building/m;
const longAgo = new Date('2001-01-01');

describe('npm start', () => {
  beforeEach(create);
  afterEach(remove);

  test.each([
    ['npm', ['start', '--silent']],
    // As `node --run start` does it, which has no hooks.
    ['sh', ['-c', 'eval "$(node -p "require(\'./package.json\').scripts.start")"']],
  ])('builds at the first start and prints that, where no hook runs: %s', async (command, args) => {
    await project.write('.npmrc', 'ignore-scripts=true\n');
    const first = await project.run(command, ...args);
    expect(first).toEqual({ code: 0, stdout: 'one\n', stderr: 'building (first start)\n' });
    expect(await project.run(command, ...args)).toEqual({ code: 0, stdout: 'one\n', stderr: '' });
  });

  test('runs one process as start:single', async () => {
    const first = await project.run('npm', 'run', '--silent', 'start:single');
    expect(first).toEqual({ code: 0, stdout: 'server\n', stderr: 'building (first start)\n' });
  });

  test('does not start what can not be built', async () => {
    await buildIfStale();
    await project.write('src/cluster.ts', "const wrong: number = 'text';\n");
    const { code, stdout, stderr } = await project.run('npm', 'start', '--silent');
    expect(code).not.toBe(0);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/cluster\.ts.*TS2322/);
  });
});

describe('npm test', () => {
  beforeEach(create);
  afterEach(remove);

  test('builds first, where no hook runs', async () => {
    await project.write('.npmrc', 'ignore-scripts=true\n');
    const { code, stdout, stderr } = await project.run('npm', 'test', '--silent', '--', '--version');
    expect({ code, stderr }).toEqual({ code: 0, stderr: 'building (first start)\n' });
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test('no script of package.json depends on a hook', async () => {
    const { scripts } = JSON.parse(await project.read('package.json')) as { scripts: Record<string, string> };
    const hooks = Object.keys(scripts).filter((name) => name.replace(/^(?:pre|post)/, '') in scripts);
    expect(hooks.filter((name) => /^(?:pre|post)/.test(name))).toEqual([]);
  });
});

describe('npm run ctl', () => {
  beforeEach(create);
  afterEach(remove);

  const ctl = () => project.run('npm', 'run', '--silent', 'ctl', '--', 'status');

  test('prints one line with what to do before the first build', async () => {
    const { code, stdout, stderr } = await ctl();
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
    expect(stderr).toMatch(/^Nothing is built yet.*npm start\n$/);
  });

  test('builds nothing: the running app would get other code', async () => {
    await buildIfStale();
    await project.write('src/ctl.ts', hello('new'));
    expect(await ctl()).toEqual({ code: 0, stdout: 'ctl\n', stderr: '' });
  });
});

describe('a build is done again when', () => {
  beforeAll(async () => {
    await create();
    await buildIfStale();
  });
  afterAll(remove);

  test.each<[string, () => Promise<unknown>]>([
    ['a source has other content and an older time', () => older('src/cluster.ts', hello('two'))],
    ['a source has other content of the same length', () => project.write('src/cluster.ts', hello('six'))],
    ['a source is new', () => older('src/deep/new.ts', 'export {};\n')],
    ['a source is gone', () => rm(project.file('src/deep/part.ts'))],
    ['a file of JSON in src changed', () => older('src/data.json', '{}\n')],
    ['the lock file changed', () => older('package-lock.json', '{}\n')],
    ['tsconfig.json changed', () => change('tsconfig.json')],
    ['tsconfig.build.json changed', () => change('tsconfig.build.json')],
    ['the build itself changed', () => change('scripts/build.mjs')],
    ['a built file is gone', () => rm(project.file('dist/ctl.js'))],
    ['a built file is another', () => older('dist/cluster.js', 'console.log("old");\n')],
    ['a source has another name', () => rename(project.file('src/ctl.ts'), project.file('src/ctl2.ts'))],
    ['the build was cut off', () => rm(project.file('dist/.fingerprint'))],
  ])('%s', async (_name, mutate) => {
    await mutate();
    expect((await buildIfStale()).stderr).toMatch(isBuilt);
    expect((await buildIfStale()).stderr).not.toMatch(isBuilt);
  });

  const older = async (name: string, text: string) => {
    await project.write(name, text);
    await utimes(project.file(name), longAgo, longAgo);
  };
  const change = async (name: string) => older(name, `${await readFile(project.file(name), 'utf8')}\n`);
});

describe('a build is left as it is when', () => {
  afterEach(remove);
  beforeEach(async () => {
    await create();
    await buildIfStale();
    await writeFile(project.file('dist/kept'), '');
  });
  const AS_IT_WAS = { code: 0, stdout: '', stderr: '', kept: '' };
  const buildAgain = async () => ({ ...(await buildIfStale()), kept: await project.read('dist/kept') });

  test('sources are only newer', async () => {
    for (const name of Object.keys(SOURCES)) await utimes(project.file(name), new Date(), new Date());
    expect(await buildAgain()).toEqual(AS_IT_WAS);
  });

  test('there are no sources: a release', async () => {
    await rm(project.file('src'), { recursive: true });
    await rm(project.file('dist/.fingerprint'));
    expect(await buildAgain()).toEqual(AS_IT_WAS);
  });
});

describe('npm run build', () => {
  beforeEach(create);
  afterEach(remove);

  test('builds what is fresh, too', async () => {
    await buildIfStale();
    expect((await build()).stderr).toBe('building\n');
  });

  test('prints what to do without TypeScript, and leaves what is there', async () => {
    await buildIfStale();
    await project.write('src/cluster.ts', hello('two'));
    await rm(project.file('node_modules'));
    const { code, stderr } = await buildIfStale();
    expect(code).toBe(1);
    expect(stderr).toMatch(/^Cannot build.*Run: npm ci.*\n$/);
    expect(await project.read('dist/cluster.js')).toContain('one');
  });
});

describe('npm run dev', () => {
  beforeEach(create);
  afterEach(remove);

  test('starts the app again when .env is made, changed or replaced', async () => {
    await project.write('src/server.ts', `${CONSOLE}\nconsole.log('started');\n`);
    // In a process group of its own: it has children.
    const child = spawn('npm', ['run', 'dev', '--silent'], {
      cwd: project.path,
      detached: true,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const started = (times: number) =>
      until(`${times} starts`, () => output.split('started').length > times, { seconds: 60 });
    try {
      await started(1);
      await project.write('.env', 'PORT=1\n');
      await started(2);
      await project.write('.env', 'PORT=2\n');
      await started(3);
      await project.write('.env.new', 'PORT=3\n');
      await rename(project.file('.env.new'), project.file('.env'));
      await started(4);
      expect(output).not.toContain('Error');
    } finally {
      process.kill(-(child.pid ?? 0), 'SIGKILL');
      await once(child, 'exit');
    }
  }, 240_000);
});

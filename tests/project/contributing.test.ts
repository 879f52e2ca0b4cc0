import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { FILES, read } from '../support/docs/files.ts';

interface Package {
  readonly engines: { readonly node: string };
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

interface Workflow {
  readonly jobs: Readonly<
    Record<
      string,
      {
        readonly strategy?: { readonly matrix: { readonly node: readonly number[] } };
        readonly steps: readonly { readonly run?: string; readonly with?: { 'node-version'?: unknown } }[];
      }
    >
  >;
}

interface Renovate {
  readonly packageRules: readonly {
    readonly description?: string;
    readonly matchPackageNames?: readonly string[];
    readonly allowedVersions?: string;
  }[];
}

const description = JSON.parse(read('package.json')) as Package;
const { jobs } = parse(read('.github/workflows/ci.yml')) as Workflow;

const majorOf = (version: string) => Number(/\d+/.exec(version)?.[0]);
const npmCommandsIn = (text: string) => [
  ...new Set([...text.matchAll(/npm (?:run [\w:-]+|test|start)\b/g)].map(([command]) => command)),
];
const scriptOf = (command: string) => command.replace(/^npm (?:run )?/, '');

describe('the files for contributors and their tools', () => {
  const files = FILES.filter((file) => /^\.(?:github|vscode|devcontainer)\/.*[^/]$/.test(file));

  test('are there', () => {
    expect(files.length).toBeGreaterThan(9);
  });

  test('name npm scripts that are there', () => {
    const text = files.map(read).join('\n');
    const { configurations } = JSON.parse(read('.vscode/launch.json')) as {
      configurations: readonly { runtimeExecutable?: string; runtimeArgs?: readonly string[] }[];
    };
    const launched = configurations
      .filter(({ runtimeExecutable }) => runtimeExecutable === 'npm')
      .map(({ runtimeArgs = [] }) => `npm ${runtimeArgs.join(' ')}`);
    const commands = npmCommandsIn([text, ...launched].join('\n'));
    expect(commands).toEqual(expect.arrayContaining(['npm run dev', 'npm test', 'npm run check']));
    expect(commands.filter((command) => !(scriptOf(command) in description.scripts))).toEqual([]);
  });
});

describe('the workflow', () => {
  const commands = npmCommandsIn((jobs.test?.steps ?? []).map(({ run }) => run ?? '').join('\n'));

  test('runs commands of .ci/run, in its order', () => {
    expect(commands.length).toBeGreaterThan(4);
    expect(npmCommandsIn(read('.ci/run')).filter((command) => commands.includes(command))).toEqual(commands);
  });

  test('runs .ci/run itself', () => {
    expect(jobs.deploy?.steps.some(({ run }) => run?.endsWith(' .ci/run'))).toBe(true);
  });
});

test('the oldest supported Node.js, the newest, and those that tools use agree', () => {
  const newest = Number(read('.nvmrc'));
  const matrix = jobs.test?.strategy?.matrix.node ?? [];
  expect(Math.min(...matrix)).toBe(majorOf(description.engines.node));
  expect(Math.max(...matrix)).toBe(newest);
  expect(majorOf(description.devDependencies['@types/node'] ?? '')).toBe(Math.min(...matrix));
  expect(jobs.deploy?.steps.find((step) => step.with?.['node-version'])?.with).toMatchObject({
    'node-version': newest,
  });
  expect(read('.devcontainer/docker-compose.yml')).toContain(`typescript-node:${newest}\n`);
  for (const file of FILES.filter((one) => one === 'Dockerfile'))
    expect(read(file)).toContain(`FROM node:${newest}-`);
});

test('what Renovate may not update says why, and package.json agrees', () => {
  const { packageRules } = JSON.parse(read('.github/renovate.json')) as Renovate;
  const pins = packageRules.filter(({ allowedVersions }) => allowedVersions !== undefined);
  const names = pins.flatMap(({ matchPackageNames = [] }) => matchPackageNames);
  expect(names).toEqual(expect.arrayContaining(['connect-redis', 'typescript', '@types/node']));
  const versions = { ...description.dependencies, ...description.devDependencies };
  for (const { description: reason, matchPackageNames = [], allowedVersions = '' } of pins) {
    expect(reason).toMatch(/\w+ .+\.$/);
    for (const name of matchPackageNames)
      expect([name, majorOf(versions[name] ?? '') < majorOf(allowedVersions)]).toEqual([name, true]);
  }
});

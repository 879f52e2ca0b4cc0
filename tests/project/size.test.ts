import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { SmallProject } from '../support/small-project.ts';

interface Sizes {
  readonly parts: Readonly<Record<string, { files: number; lines: number; code: number }>>;
  readonly limits: Readonly<Record<string, { files?: number; lines?: number; code?: number }>>;
  readonly exceeded: readonly string[];
}

const SCRIPT = new URL('../../scripts/size.mjs', import.meta.url).pathname;

function measure(...args: string[]): Sizes & { status: number | null } {
  const { status, stdout } = spawnSync(process.execPath, [SCRIPT, '--json', ...args], { encoding: 'utf8' });
  return { ...(JSON.parse(stdout) as Sizes), status };
}

describe('the project', () => {
  const { parts, limits, exceeded } = measure();

  test('is within its limits', () => {
    expect(exceeded).toEqual([]);
  });

  test('has a limit for what is yours, the first example and each room of the platform', () => {
    const rooms = Object.keys(parts).filter((name) => name.startsWith('platform/'));
    expect(rooms.length).toBeGreaterThan(5);
    for (const name of [...rooms, 'platform', 'yours', 'features/todos'])
      expect([name, limits[name]]).toEqual([name, { ...limits[name], lines: expect.any(Number) }]);
    expect(limits).toMatchObject({ yours: { lines: 700 }, 'features/todos': { lines: 73 } });
    expect(limits['platform/supervisor']).toMatchObject({ files: 19 });
    expect(limits.platform).toMatchObject({ code: 9108 });
  });
});

describe('a small tree', () => {
  let project: SmallProject;
  beforeAll(async () => {
    project = await SmallProject.create({
      'src/app.ts': '/**\n * A comment.\n */\nexport {};\n\n// Another.\nexport const glob = "a/*b";\n',
      'src/features/index.ts': 'export {};\n',
      'src/features/todos/index.ts': 'export {};\n'.repeat(74),
      'src/features/other/part.ts': '/* One line. */\nexport {};\n',
      'src/features/other/data.json': '{}\n',
      'src/platform/http/index.ts': 'export {};\n',
      'src/platform/http/middleware/body.ts': '\n\nexport {}; // behind code\n',
    });
  });
  afterAll(() => project.remove());

  test('is counted in files, raw lines and lines of code', () => {
    expect(measure(project.path).parts).toEqual({
      yours: { files: 2, lines: 8, code: 3 },
      examples: { files: 2, lines: 76, code: 75 },
      'features/todos': { files: 1, lines: 74, code: 74 },
      'features/other': { files: 1, lines: 2, code: 1 },
      platform: { files: 2, lines: 4, code: 2 },
      'platform/http': { files: 2, lines: 4, code: 2 },
    });
  });

  test('exceeds the limit of the first example, and fails for it', () => {
    expect(measure(project.path)).toMatchObject({ status: 1, exceeded: ['features/todos: lines'] });
  });
});

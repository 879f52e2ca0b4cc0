import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { TemplateCopy } from '../support/template-copy.ts';
import { linesThatName, unused } from './leftovers.ts';

interface Part {
  readonly name: string;
}

/** These are scripts, so they are no TypeScript. */
const script = (name: string): Promise<unknown> => import(`../../scripts/starter/${name}`);
const { PARTS } = (await script('manifest.mjs')) as { PARTS: Part[] };
const { filesIn } = (await script('files.mjs')) as { filesIn: (folder: string) => string[] };
const { withDependents } = (await script('choice.mjs')) as {
  withDependents: (names: readonly string[]) => string[];
};
const NAMES = PARTS.map(({ name }) => name);

/** Mulberry32: the same numbers from 0 to 1 for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), 1 | state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A sixth to two thirds of the parts, and what needs them. */
function combination(seed: number): string[] {
  const random = randomOf(seed);
  const share = 0.15 + 0.5 * random();
  return withDependents(NAMES.filter(() => random() < share));
}

const CASES = [
  ...NAMES.map((name) => ({ what: `without ${name}`, without: withDependents([name]) })),
  ...Array.from({ length: 10 }, (_none, index) => ({
    what: `with the combination of seed ${index + 1}`,
    without: combination(index + 1),
  })),
  { what: 'without any part', without: NAMES },
  { what: 'with all parts', without: [] },
].map((one, index) => ({ ...one, name: index % 2 === 0 ? 'app' : 'acme-shop' }));

/** `--all` (jest.template.config.mjs): each with all of its tests, which takes more than an hour. */
const IN_FULL = process.env.TEMPLATE_CASES === 'all';

/** Without --all: those that have the most lines in files of others, two combinations, and the extremes. */
const A_DOZEN =
  /without (?:companies|account|docker|nginx|redis|systemd|pm2|operations-page)$|seed [14]$|any part|all parts/;
const cases = CASES.filter(({ what }) => IN_FULL || A_DOZEN.test(what));

/** Its documents, its structure and its features: what a removal can break. */
const PROJECT = ['tests/project', 'tests/features'];

describe('the template after init', () => {
  let copy: TemplateCopy;
  beforeAll(async () => {
    copy = await TemplateCopy.create();
  });
  afterAll(() => copy.remove());
  beforeEach(() => copy.reset());

  test.each(cases)(
    '$what, called $name, is green and names nothing that is gone',
    async ({ name, without }) => {
      const list = without.length > 0 ? ['--without', without.join(',')] : [];
      expect(await copy.init(name, '--domain', 'acme.example', ...list, '--yes')).toMatchObject({ code: 0 });
      expect(linesThatName(without, copy.path, filesIn(copy.path))).toEqual([]);
      expect(await unused(copy.path)).toBe('');
      expect(await copy.problems({ lint: IN_FULL || without.length === NAMES.length })).toBe('');
      expect(await copy.npm('run', 'build')).toMatchObject({ code: 0 });
      const tests = await (IN_FULL ? copy.npm('test', '--', '--silent') : copy.test(...PROJECT));
      expect([tests.code, tests.output]).toEqual([
        0,
        expect.stringMatching(/^Tests: +(?:\d+ skipped, )?\d+ passed/m),
      ]);
    },
  );
});

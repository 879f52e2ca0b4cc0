import { describe, expect, test } from '@jest/globals';
import { read } from '../support/docs/files.ts';
import { outlineOf, proseOf } from '../support/docs/outline.ts';

const ENGLISH = 'README.md';
const CHINESE = 'README.zh-TW.md';

/** The line that leads from one language to the other, which alone differs. */
const LANGUAGES = /^.*\]\(README(?:\.zh-TW)?\.md\).*\n/m;

const textOf = (file: string) => read(file).replace(LANGUAGES, '');

describe('README.zh-TW.md', () => {
  const english = textOf(ENGLISH);

  test('has the headings, commands, links and tables of README.md, in its order', () => {
    expect(outlineOf(textOf(CHINESE))).toEqual(outlineOf(english));
  });

  test('is in Chinese, block by block', () => {
    const { name } = JSON.parse(read('package.json')) as { name: string };
    const title = `# ${name}`;
    const words = proseOf(textOf(CHINESE)).filter((text) => /[A-Za-z]{2}/.test(text) && text !== title);
    expect(words.filter((text) => !/\p{Script=Han}/u.test(text))).toEqual([]);
  });

  test('and README.md link to each other', () => {
    expect(LANGUAGES.exec(read(ENGLISH))?.[0]).toContain(`](${CHINESE})`);
    expect(LANGUAGES.exec(read(CHINESE))?.[0]).toContain(`](${ENGLISH})`);
  });

  test.each([
    ['another command', 'npm ci && npm test\n', 'npm ci\n'],
    ['a command more', 'npm ci && npm test\n', 'npm ci && npm test\nnpm run lint\n'],
    ['another command in a sentence', '`npm run dev`', '`npm run start`'],
    ['another link', 'docs/add-a-page.md', 'docs/add-a-test.md'],
    ['another address', '<http://localhost:3000>', '<http://localhost:3001>'],
    ['a heading of another level', '## Test it', '### Test it'],
    ['a heading less', '## Test it\n', ''],
    ['a row less', /^\| `deploy\/`.*\n/m, ''],
    ['a column more', /^(\| `deploy\/`.*)$/m, '$1 more |'],
    ['other code in a table', '| `deploy/`', '| `tests/`'],
    ['an item of a list less', /^- \*\*A cache\*\*.*\n/m, ''],
    ['a paragraph more', '## Test it\n', '## Test it\n\nMore.\n'],
  ])('would differ with %s', (_difference, from, to) => {
    const changed = english.replace(from, to);
    expect(changed).not.toBe(english);
    expect(outlineOf(changed)).not.toEqual(outlineOf(english));
  });
});

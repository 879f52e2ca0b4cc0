import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { filesOf, repositoryPath } from '../support/deploy/render.ts';

describe('the placeholders of deploy/README.md', () => {
  const files = [...filesOf(repositoryPath('deploy')), repositoryPath('ecosystem.config.js')].filter(
    (file) => !file.endsWith('.md') && existsSync(file),
  );
  // {{ name }} is how Ansible writes a variable.
  const texts = files.map((file) => {
    const text = readFileSync(file, 'utf8');
    return file.includes('ansible') ? text.replaceAll(/\{\{.*?\}\}/g, '') : text;
  });

  test('are the only ones: no file has another invented name or address', () => {
    const strangers = texts.flatMap(
      (text) =>
        text.match(/<[A-Z_]{3,}>|\bYOUR_\w+|\{\{\s*\w+\s*\}\}|\b(?:[\w-]+\.)?example\.(?:org|net)\b/g) ?? [],
    );
    expect(strangers).toEqual([]);
  });
});

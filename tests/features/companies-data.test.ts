import { readdir, readFile } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import { projectPath } from '../../src/platform/config/index.ts';
import { readSeed } from '../../src/features/companies/open.ts';

const companies = readSeed();

describe('data/companies.json', () => {
  test('has about 100 companies from many countries', () => {
    expect(companies.length).toBeGreaterThanOrEqual(95);
    expect(new Set(companies.map(({ country }) => country)).size).toBeGreaterThan(30);
  });

  test('has ids from 1 without a gap, in order', () => {
    expect(companies.map(({ id }) => id)).toEqual(companies.map((_company, index) => index + 1));
  });

  test.each(['name', 'website'] as const)('has every %s once', (field) => {
    expect(new Set(companies.map((company) => company[field])).size).toBe(companies.length);
  });

  test('has country codes that exist', () => {
    const names = new Intl.DisplayNames('en', { type: 'region', fallback: 'none' });
    expect(companies.filter(({ country }) => names.of(country) === undefined)).toEqual([]);
  });

  test('has founding years in the past', () => {
    expect(companies.filter(({ founded }) => founded < 1500 || founded > new Date().getFullYear())).toEqual(
      [],
    );
  });

  test('has websites that are origins with https', () => {
    expect(companies.filter(({ website }) => new URL(website).origin !== website)).toEqual([]);
  });
});

describe('data/logos/', () => {
  test('has a small SVG without script for each company, and nothing else', async () => {
    const directory = projectPath('data', 'logos');
    const expected = companies.map(({ id }) => `${id}.svg`).sort();
    expect((await readdir(directory)).sort()).toEqual(expected);
    for (const name of expected) {
      const svg = await readFile(`${directory}/${name}`, 'utf8');
      expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"[^]*<\/svg>\n$/);
      expect(svg).not.toMatch(/<script|\son\w+=|href/);
      expect(svg.length).toBeLessThan(1000);
    }
  });
});

import { readFileSync } from 'node:fs';
import { repositoryPath } from './render.ts';

/**
 * The commands of a page, for a test that runs these and no others.
 *
 * @param page - below the repository, for example `docs/releases.md`.
 * @param text - what one paragraph of the page's shell blocks has in it; paragraphs are separated by blank lines.
 * @returns the paragraph.
 * @throws {Error} where not exactly one has it.
 */
export function documented(page: string, text: string): string {
  const content = readFileSync(repositoryPath(page), 'utf8');
  const blocks = [...content.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = '']) => block);
  const found = blocks
    .flatMap((block) => block.split('\n\n'))
    .filter((paragraph) => paragraph.includes(text));
  if (found.length !== 1) throw new Error(`${page} has ${found.length} paragraphs with "${text}"`);
  return found[0] ?? '';
}

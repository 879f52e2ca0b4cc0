import ts from 'typescript';
import { read } from './files.ts';

/** All comments of a file, one after the other. */
export function commentsOf(file: string): string {
  return /\.(?:m?ts|m?js)$/.test(file) ? scriptComments(read(file)) : hashComments(read(file));
}

/** From `#` to the end of the line, at its beginning or behind a blank. */
function hashComments(text: string): string {
  return [...text.matchAll(/(?:^|\s)#.*$/gm)].map(([comment]) => comment).join('\n');
}

/** By TypeScript's own parser: what looks like a comment in a string is none. */
function scriptComments(text: string): string {
  const source = ts.createSourceFile('file.ts', text, ts.ScriptTarget.Latest);
  const found = new Map<number, string>();
  const visit = (node: ts.Node): void => {
    const ranges = [
      ...(ts.getLeadingCommentRanges(text, node.pos) ?? []),
      ...(ts.getTrailingCommentRanges(text, node.end) ?? []),
    ];
    for (const { pos, end } of ranges) found.set(pos, text.slice(pos, end));
    for (const child of node.getChildren(source)) visit(child);
  };
  visit(source);
  return [...found.values()].join('\n');
}

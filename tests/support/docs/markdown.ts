import { posix } from 'node:path';
import { read } from './files.ts';

/** Code between fences: its language, and its lines as they are. */
export interface Fence {
  readonly document: string;
  readonly language: string;
  readonly code: string;
}

const FENCE = /^( *)```(\w*)\n([^]*?)^\1```$/gm;

export function fencesOf(document: string): Fence[] {
  return [...read(document).matchAll(FENCE)].map(([, indent = '', language = '', code = '']) => ({
    document,
    language,
    code: code.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  }));
}

const withoutFences = (document: string) => read(document).replaceAll(FENCE, '');

/** What stands between backticks, fences left out. */
export function codeSpansOf(document: string): string[] {
  return [...withoutFences(document).matchAll(/`([^`]+)`/g)].map(([, code = '']) =>
    code.replaceAll('\n', ' '),
  );
}

/** A link's target: a file from the project's root on, and the heading in it. */
export interface Link {
  readonly file: string;
  readonly anchor: string | undefined;
}

/** The links to files of the project. */
export function linksOf(document: string): Link[] {
  const targets = [...withoutFences(document).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
  return targets
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [path = '', anchor] = target.split('#');
      const file = path === '' ? document : posix.join(posix.dirname(document), path);
      return { file, anchor };
    });
}

/** The names by which a document's headings can be linked to, as GitHub makes them. */
export function anchorsOf(document: string): string[] {
  return [...withoutFences(document).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** The paths in a text, of a file or a folder of the project: those that begin with one of its folders. */
export function pathsIn(text: string, folders: readonly string[]): string[] {
  const names = folders.map((name) => name.replaceAll('.', '\\.')).join('|');
  const path = new RegExp(`(?<![\\w./*-])(?:\\./|\\.\\./)*(?:${names})/[\\w./*@-]*`, 'g');
  return [...text.matchAll(path)].map(([found]) => found.replace(/[.]+$/, ''));
}

const FILE_NAME =
  /(?<![\w./*@:%-])(?!Node\.js)(?:[\w@*.-]+\/)*[\w@*-][\w@*.-]*\.(?:ts|mts|mjs|js|md|vcl|cfg|conf|sh|yml|service|socket|html|css|svg)(?![\w/-])/g;

/** The names of files in a text: all that end like a file of the project does. */
export function fileNamesIn(text: string): string[] {
  return [...text.replaceAll(/https?:\/\/\S+/g, '').matchAll(FILE_NAME)].map(([name]) => name);
}

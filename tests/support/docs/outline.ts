/** A part of a document, by what a translation keeps: everything but the words. */
export interface Block {
  /** `#` and so on for a heading, `-` for an item of a list, the fence with its language for code. */
  readonly kind: string;
  /** Lines of code as they are; the cells of a table's row, each with its inline code; else all inline code, sorted. */
  readonly code: readonly string[];
  /** Targets of links, in order. */
  readonly links: readonly string[];
}

/** A fence with its code · a heading, a row or an item with its first line · a paragraph; each up to what ends it. */
const BLOCK =
  /^```(\w*)\n([^]*?)^```$|^(#+|-|\|) ?(.*(?:\n {2,}\S.*)*)|^(?![#|]|- |```)\S.*(?:\n(?![#|]|- |```)\S.*)*/gm;

const codeIn = (text: string) => [...text.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code);
const linksIn = (text: string) =>
  [...text.matchAll(/\]\(([^)\s]+)\)|<(https?:[^>\s]+)>/g)].map(([, target, url]) => target ?? url ?? '');

/** The blocks of a Markdown text that has headings, paragraphs, lists of one level, tables and fenced code. */
export function outlineOf(markdown: string): Block[] {
  return [...markdown.matchAll(BLOCK)].map(([text, language, code, mark = 'paragraph', line = '']) => {
    if (code !== undefined) return { kind: `\`\`\`${language ?? ''}`, code: code.split('\n'), links: [] };
    const cells = line.split('|').map((cell) => codeIn(cell).join(' '));
    return { kind: mark, code: mark === '|' ? cells : codeIn(text).sort(), links: linksIn(text) };
  });
}

/** The words of a Markdown text, by block: without code, targets of links and addresses. */
export function proseOf(markdown: string): string[] {
  return [...markdown.matchAll(BLOCK)]
    .filter(([, , code]) => code === undefined)
    .map(([text]) => text.replaceAll(/`[^`]+`|\]\([^)]+\)|<https?:[^>]+>/g, ''));
}

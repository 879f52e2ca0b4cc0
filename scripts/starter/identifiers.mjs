// The names that TypeScript code uses, by the compiler's own parser: a word in a comment or a string is none.
import ts from 'typescript';

/** Variables, functions, types and parameters; not the names of properties, which clash with nothing. */
export function identifiersOf(text) {
  const names = new Set();
  const visit = (node) => {
    if (ts.isIdentifier(node) && !isProperty(node)) names.add(node.text);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile('file.ts', text, ts.ScriptTarget.Latest, true));
  return [...names];
}

function isProperty({ parent, text }) {
  const hasName =
    ts.isPropertyAccessExpression(parent) ||
    ts.isPropertyAssignment(parent) ||
    ts.isPropertySignature(parent) ||
    ts.isMethodSignature(parent) ||
    ts.isMethodDeclaration(parent) ||
    ts.isPropertyDeclaration(parent);
  return hasName && parent.name.text === text;
}

/** Not in the compiler's list of keywords, and yet no name in a module. */
const MORE = ['arguments', 'await', 'eval', 'undefined'];

export function isReserved(name) {
  const scanner = ts.createScanner(ts.ScriptTarget.Latest, true, ts.LanguageVariant.Standard, name);
  const token = scanner.scan();
  const { FirstReservedWord, LastFutureReservedWord } = ts.SyntaxKind;
  return MORE.includes(name) || (token >= FirstReservedWord && token <= LastFutureReservedWord);
}

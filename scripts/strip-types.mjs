import { blankSourceFile } from 'ts-blank-space';
import ts from 'typescript';

/**
 * Makes a JavaScript module of a TypeScript one: types become blanks, and relative imports name .js files. Each character
 * stays in its place.
 *
 * @param source - TypeScript whose types can be erased (`erasableSyntaxOnly`).
 * @param file - its name, for errors.
 * @throws {Error} when something in it can't be erased.
 * @see https://github.com/bloomberg/ts-blank-space
 */
export function stripTypes(source, file) {
  const tree = ts.createSourceFile(file, source, ts.ScriptTarget.ES2023, false, ts.ScriptKind.TS);
  const script = blankSourceFile(tree, (node) => {
    const { line } = tree.getLineAndCharacterOfPosition(node.pos);
    throw new Error(`${file}, at line ${line + 1}: this syntax of TypeScript is more than types`);
  });
  return importsOf(tree).reduce(nameJs, script);
}

/** A file of ours: a package may have a name that ends in .ts. */
const RELATIVE = /^\.\.?\//;

/** The texts behind `from` and in `import()`, where they name files. */
function importsOf(tree) {
  const found = [];
  const visit = (node) => {
    const specifier = node.moduleSpecifier ?? (isDynamicImport(node) ? node.arguments[0] : undefined);
    if (specifier && ts.isStringLiteral(specifier) && RELATIVE.test(specifier.text)) found.push(specifier);
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return found;
}

function isDynamicImport(node) {
  return ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword;
}

/** './wrap.ts' → './wrap.js'; an import of types alone is blank already. */
function nameJs(script, { end }) {
  const isTs = script.slice(end - 4, end - 1) === '.ts';
  return isTs ? `${script.slice(0, end - 4)}.js${script.slice(end - 1)}` : script;
}

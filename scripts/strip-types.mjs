import { blankSourceFile } from 'ts-blank-space';
import ts from 'typescript';

/**
 * Makes a JavaScript module of a TypeScript one: types become blanks, relative imports name .js files, and Node's own
 * modules are asked for. Each character stays in its place, but those in an import of a module of Node's.
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
  return takeBuiltins(importsOf(tree).reduce(nameJs, script), tree);
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

/**
 * `import { once } from 'node:events'` → `const { once } = process.getBuiltinModule('node:events')`.
 *
 * An import reads every export of a module of Node's, and there are some that load others: node:http brings the whole of
 * fetch, node:util the parser of arguments. That is 20 ms and some 4 MB of a start.
 */
function takeBuiltins(script, tree) {
  const builtins = tree.statements.filter(
    (node) => ts.isImportDeclaration(node) && node.moduleSpecifier.text.startsWith('node:'),
  );
  // From the last: the places of those before it stay what they are.
  return builtins.toReversed().reduce((text, node) => {
    const [start, end] = [node.getStart(tree), node.end];
    return text.slice(0, start) + takeBuiltin(text.slice(start, end)) + text.slice(end);
  }, script);
}

const BUILTIN = /^import\s+(?<name>\w+)?\s*,?\s*(?:\{(?<list>[^}]*)\})?\s*from\s+(?<module>'node:[^']+');?$/;

/** The same on as many lines. */
function takeBuiltin(text) {
  const { name, list = '', module } = BUILTIN.exec(text)?.groups ?? {};
  // An import of types alone is blank already.
  if (module === undefined) return text;
  const members = list.split(',').filter((member) => member.trim() !== '');
  const source = `process.getBuiltinModule(${module})`;
  const parts = [
    name && `${name} = ${source}`,
    members.length > 0 && `{${members.join(',').replaceAll(/\s+as\s+/g, ': ')}} = ${name ?? source}`,
  ].filter(Boolean);
  const statement = parts.length > 0 ? `const ${parts.join(', ')};` : '';
  return statement + '\n'.repeat(linesOf(text) - linesOf(statement));
}

function linesOf(text) {
  return text.split('\n').length;
}

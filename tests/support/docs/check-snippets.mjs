// node check-snippets.mjs FOLDER FILE …: prints as JSON what the compiler reports about the project in a folder, and what ESLint
// reports about some of its files. One program of the compiler serves both: to read the project twice takes most of the time.
import { resolve } from 'node:path';
import process from 'node:process';
import { ESLint } from 'eslint';
import ts from 'typescript';

const [folder, ...files] = process.argv.slice(2);
process.chdir(folder);

const names = {
  getCanonicalFileName: (name) => name,
  getCurrentDirectory: () => folder,
  getNewLine: () => '\n',
};
const { config, error } = ts.readConfigFile('tsconfig.json', ts.sys.readFile);
if (error) throw new Error(ts.formatDiagnostic(error, names));
const parsed = ts.parseJsonConfigFileContent(
  { ...config, include: ['src'], files },
  ts.sys,
  folder,
  // `npm run typecheck` checks the declarations of packages.
  { skipLibCheck: true },
);
const program = ts.createProgram(parsed.fileNames, parsed.options);

const eslint = new ESLint({
  cwd: folder,
  overrideConfig: {
    files: ['**/*.ts'],
    languageOptions: { parserOptions: { projectService: false, programs: [program] } },
  },
});
const results = await eslint.lintFiles(files.map((file) => resolve(file)));
const formatter = await eslint.loadFormatter('stylish');
const report = {
  types: ts.formatDiagnostics([...parsed.errors, ...ts.getPreEmitDiagnostics(program)], names),
  lint: await formatter.format(results),
};
process.stdout.write(JSON.stringify(report));

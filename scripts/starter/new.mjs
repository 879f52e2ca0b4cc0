// `npm run new`: writes a feature, a job, a middleware or a page with its tests, and mounts it.
// The templates are files as they will be, for something called "spare parts": scripts/starter/templates/.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import * as mount from './mount.mjs';
import { Refusal } from './run.mjs';
import { formsOf, pluralOf, renamed, singularOf } from './words.mjs';

const USAGE = `Adds something of yours, with its tests, and mounts it.

  npm run new -- feature orders        /api/orders: create, read, list, change, delete; in Redis or memory
      --with-setting                     the size of a page is the setting ORDERS_PAGE_SIZE
      --with-metric                      counts what is created: orders_created_total
      --singular order                   where the plural is irregular
  npm run new -- job send-reminders    what runs in the background, every hour
  npm run new -- middleware tenant     what runs for every request
  npm run new -- page about            HTML at /about

Names have lower-case letters, digits and dashes. Exit codes: 0 done, 2 wrong usage or a name that is taken.
`;

const OPTIONS = {
  'with-setting': { type: 'boolean', default: false },
  'with-metric': { type: 'boolean', default: false },
  singular: { type: 'string' },
  help: { type: 'boolean', default: false },
};

const FEATURES = 'src/features/index.ts';

/** Per kind: the functions that change the files that list such things; the first file is the one that imports it. */
const KINDS = {
  feature: { [FEATURES]: mount.mountFeature },
  job: { 'src/jobs/index.ts': mount.addJob },
  middleware: { 'src/app.ts': mount.addMiddleware, 'docs/architecture.md': mount.describeMiddleware },
  page: { [FEATURES]: mount.mountPage },
};

const SETTING = { 'src/config.ts': mount.addSetting, '.env.example': mount.describeSetting };

const NEXT = {
  feature: ({ one, many }) =>
    `add your fields in src/features/${many.kebab}/${one.kebab}.ts (docs/store-something.md)`,
  job: ({ one }) => `write its work in src/jobs/${one.kebab}.ts (docs/add-a-background-job.md)`,
  middleware: ({ one }) => `write it in src/features/${one.kebab}/index.ts (docs/add-a-middleware.md)`,
  page: ({ one }) => `write it in src/features/${one.kebab}/index.ts (docs/add-a-page.md)`,
};

process.chdir(fileURLToPath(new URL('../..', import.meta.url)));

try {
  await main();
} catch (error) {
  if (error.code === 'ERR_MODULE_NOT_FOUND') {
    console.error(`${error.message}\nRun: npm ci (with devDependencies)`);
    process.exitCode = 1;
  } else if (error instanceof Refusal) {
    console.error(error.message);
    process.exitCode = 2;
  } else throw error;
}

async function main() {
  const { kind, name, ...options } = parse();
  if (options.help) return void process.stdout.write(USAGE);
  const names = namesOf(kind, name, options.singular);
  const has = (part) => options[`with-${part}`];
  const created = render(kind, names, has);
  const taken = Object.keys(created).filter((file) => existsSync(file));
  if (taken.length > 0) throw new Refusal(`There is one already: ${taken[0]}. Nothing was changed.`);
  await assertUnused(kind, names);
  const changed = edit({ ...KINDS[kind], ...(has('setting') && SETTING) }, names);
  write(await formatted({ ...created, ...changed }));
  for (const file of Object.keys(created)) console.log(`created  ${file}`);
  for (const file of Object.keys(changed)) console.log(`changed  ${file}`);
  console.log(`\nNext: ${NEXT[kind](names)}\nTest: npm test -- tests/features/${names.file}`);
}

function parse() {
  let parsed;
  try {
    parsed = parseArgs({ options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new Refusal(`${error.message}\n\n${USAGE}`);
  }
  const { values, positionals } = parsed;
  const [kind, name, ...rest] = positionals;
  if (values.help) return values;
  if (!Object.hasOwn(KINDS, kind ?? '')) throw new Refusal(USAGE);
  if (name === undefined || rest.length > 0) throw new Refusal(`Give one name.\n\n${USAGE}`);
  const isForFeatures = values['with-setting'] || values['with-metric'] || values.singular !== undefined;
  if (isForFeatures && kind !== 'feature') throw new Refusal(`That option is for features only.\n\n${USAGE}`);
  return { kind, name, ...values };
}

/** The name in all its forms, singular and plural; `file` is what files are named after. */
function namesOf(kind, name, given) {
  for (const one of [name, given ?? name]) {
    if (/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(one) && one.length <= 40) continue;
    throw new Refusal(
      `"${one}" is no name: use lower-case letters, digits and dashes, as in purchase-orders, 40 at most.`,
    );
  }
  if (kind !== 'feature') return { one: formsOf(name), many: formsOf(name), file: name };
  const singular = given ?? singularOf(name);
  // Also for a name that was given in the singular.
  const plural = singular === name && given === undefined ? pluralOf(name) : name;
  return { one: formsOf(singular), many: formsOf(plural), file: plural };
}

/** The files of a template, by path, under the new name and with what was asked for. */
function render(kind, { one, many }, has) {
  const folder = fileURLToPath(new URL(`templates/${kind}`, import.meta.url));
  const rename = (text) => renamed(text, { one: one.kebab, many: many.kebab });
  return Object.fromEntries(
    filesIn(folder).map((file) => [
      rename(relative(folder, file)),
      rename(chosen(readFileSync(file, 'utf8'), has)),
    ]),
  );
}

function filesIn(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/**
 * What is for --with-metric alone ends in `// with metric`, or stands between that and `// end`; what is for the rest ends in
 * `// without metric`. So for the setting.
 */
function chosen(text, has) {
  return text
    .replace(/^ *\/\/ with (\w+)\n([^]*?)^ *\/\/ end\n/gm, (_all, part, lines) => (has(part) ? lines : ''))
    .replace(/^(.*) \/\/ (with|without) (\w+)\n/gm, (_all, line, when, part) =>
      has(part) === (when === 'with') ? `${line}\n` : '',
    );
}

/** @throws {Refusal} when the new names are words of JavaScript, or names that the code around them uses. */
async function assertUnused(kind, { one, many }) {
  const { identifiersOf, isReserved } = await import('./identifiers.mjs');
  const templates = filesIn(fileURLToPath(new URL(`templates/${kind}`, import.meta.url)));
  const index = Object.keys(KINDS[kind])[0];
  const code = [...templates.filter((file) => file.endsWith('.ts')), index];
  const used = new Set(code.flatMap((file) => identifiersOf(readFileSync(file, 'utf8'))));
  const names = kind === 'feature' ? [many.camel, one.camel, one.pascal] : [one.camel];
  const taken = names.find((name) => used.has(name) || isReserved(name));
  if (taken !== undefined) {
    throw new Refusal(`"${taken}" is a name that the code uses already; take another. Nothing was changed.`);
  }
}

/** The changed files. A document that is not there needs no change. */
function edit(edits, names) {
  const changed = {};
  for (const [file, change] of Object.entries(edits)) {
    if (!existsSync(file) && file.endsWith('.md')) continue;
    try {
      changed[file] = change(readFileSync(file, 'utf8'), names);
    } catch (error) {
      if (!(error instanceof mount.NoPlace)) throw error;
      throw new Refusal(`In ${file} ${error.message}\nNothing was changed.`);
    }
  }
  return changed;
}

async function formatted(files) {
  const prettier = await import('prettier');
  const result = {};
  for (const [file, text] of Object.entries(files)) {
    const { inferredParser } = await prettier.getFileInfo(file);
    const options = await prettier.resolveConfig(file);
    result[file] = inferredParser ? await prettier.format(text, { ...options, filepath: file }) : text;
  }
  return result;
}

/** All files, or none: a full disk leaves the project as it was. */
function write(files) {
  const before = new Map(
    Object.keys(files).map((file) => [file, existsSync(file) ? readFileSync(file) : undefined]),
  );
  try {
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text);
    }
  } catch (error) {
    for (const [file, text] of before) {
      if (text === undefined) rmSync(file, { force: true });
      else writeFileSync(file, text);
    }
    throw error;
  }
}

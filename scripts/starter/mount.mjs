// The lines that mount something new in the files that list it. Each function takes a file's text and returns the changed one.

/** The place that a line belongs at is not there: the file was changed by hand. */
export class NoPlace extends Error {}

/** In front of the first place that a pattern finds. */
function before(text, patterns, lines, from = 0) {
  const places = patterns.map((pattern) => text.slice(from).search(pattern));
  const place = places.find((index) => index >= 0);
  if (place === undefined) throw new NoPlace(`there is no place for this line: ${lines.trim()}`);
  return text.slice(0, from + place) + lines + text.slice(from + place);
}

/** Behind what a pattern finds. */
function behind(text, pattern, lines) {
  const found = pattern.exec(text);
  if (!found) throw new NoPlace(`there is no place for this line: ${lines.trim()}`);
  const end = found.index + found[0].length;
  return text.slice(0, end) + lines + text.slice(end);
}

/** The last of the imports, which may take several lines. */
const LAST_IMPORT = /^import [^;]*;\n(?![^]*^import )/m;

const addImport = (text, line) => behind(text, LAST_IMPORT, `${line}\n`);

/** A parameter that nothing has used so far is now used. */
const used = (text) => text.replace(/\b_toolkit\b/g, 'toolkit');

/** In src/features/index.ts: in front of the start page, which is at '/'. */
function addMount(text, lines) {
  const places = [/^ {2}.*router\.use\('\/', /m, /^ {2}return /m, /^\}/m];
  return used(before(text, places, lines, text.indexOf('function features(')));
}

export function mountFeature(text, { one, many }) {
  const repository = `${one.camel}Repository`;
  let result = addImport(
    text,
    `import { open${many.pascal}, ${many.camel} } from './${many.kebab}/index.ts';`,
  );
  result = addMount(
    result,
    `  const ${repository} = open${many.pascal}(toolkit);
  router.use('/api/${many.kebab}', ${many.camel}(toolkit, ${repository}));\n`,
  );
  return addOpened(result, { many, one, repository });
}

/** What features have opened is there for jobs and for `npm run console`. */
function addOpened(text, { many, one, repository }) {
  const RETURN = /^ {2}return \{([^}]*)\};/m;
  if (!RETURN.test(text)) return text;
  // Not as the template writes it: a later `npm run init` would put `object` back.
  let result = text.replace('Opened = object;', 'Opened = Readonly<Awaited<ReturnType<typeof features>>>;');
  if (/interface Opened \{/.test(result)) {
    result = addImport(
      result,
      `import type { ${one.pascal}Repository } from './${many.kebab}/repository.ts';`,
    );
    const line = `  readonly ${many.camel}: ${one.pascal}Repository;\n`;
    result = behind(result, /interface Opened \{[^}]*/, line);
  }
  // Each in a line of its own, as init removes them.
  return result.replace(RETURN, (_all, list) => {
    const others = list
      .split(',')
      .map((entry) => entry.trim())
      .filter(Boolean);
    return `  return {\n${[...others, `${many.camel}: ${repository}`].map((entry) => `    ${entry},\n`).join('')}  };`;
  });
}

export function mountPage(text, { one }) {
  const result = addImport(text, `import { ${one.camel} } from './${one.kebab}/index.ts';`);
  return addMount(result, `  router.use('/${one.kebab}', ${one.camel}(toolkit));\n`);
}

/** In src/jobs/index.ts. */
export function addJob(text, { one }) {
  const result = addImport(text, `import { ${one.camel} } from './${one.kebab}.ts';`);
  return used(behind(result, /^ {2}return \[/m, `${one.camel}(toolkit),`));
}

/** In src/app.ts: in front of it is what gives a request its id, its log and a valid URL. */
export function addMiddleware(text, { one }) {
  const result = addImport(text, `import { ${one.camel} } from './features/${one.kebab}/index.ts';`);
  return behind(result, /^ *wellFormed\(\),\n/m, `      ${one.camel}(),\n`);
}

/** In docs/architecture.md, whose list of the pipeline a test compares with src/app.ts. */
export function describeMiddleware(text, { one }) {
  const link = `1. [${one.prose}](../src/features/${one.kebab}/index.ts)\n`;
  return behind(text, /^\d+\. .*\/well-formed\.ts\)\n/m, link);
}

const SETTING_IMPORT = "import { integer } from './platform/config/index.ts';";

/** In src/config.ts. */
export function addSetting(text, { many }) {
  const line = `
  /** How many ${many.prose} a page of the list has. */
  ${many.constant}_PAGE_SIZE: integer({ min: 1, max: 500, default: 50 }),`;
  const result = behind(text, /^const own = \{/m, line);
  return /import \{[^}]*\binteger\b/.test(text) ? result : addImport(result, SETTING_IMPORT);
}

/** In .env.example. */
export function describeSetting(text, { many }) {
  return `${text.trimEnd()}

# --- ${many.sentence} ---
# How many ${many.prose} a page of the list has.
#${many.constant}_PAGE_SIZE=50
`;
}

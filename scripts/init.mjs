// `npm run init`: makes this template yours. Gives it your name, removes what you don't want, and generates secrets. It can be
// run again to remove more; git brings back what it changed.
import { randomBytes } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { choose, partsIn, withDependents } from './starter/choice.mjs';
import { PARTS, TEMPLATE_ONLY } from './starter/manifest.mjs';
import { domainProblem, nameProblem } from './starter/names.mjs';
import { readJson, writeJson } from './starter/package-json.mjs';
import { filesOf, render } from './starter/render.mjs';
import { Refusal, run } from './starter/run.mjs';

const USAGE = `Makes this template yours: names, parts, secrets. Without options it asks.

  npm run init
  npm run init -- NAME --domain DOMAIN --keep docker,nginx --without companies,home,jobs --yes

  NAME             of the package, the service, its user, units, image, keys and cookie
  --domain DOMAIN  where it will be served
  --keep PARTS     of the targets in deploy/ keep these alone
  --without PARTS  remove these
  --dry-run        show what would be done
  --yes            ask nothing, not even where git has changes that are not committed

Parts: ${PARTS.map(({ name }) => name).join(', ')}
Exit codes: 0 done, 1 failed or declined, 2 wrong usage.
`;

const OPTIONS = {
  domain: { type: 'string' },
  keep: { type: 'string' },
  without: { type: 'string' },
  'dry-run': { type: 'boolean', default: false },
  yes: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
};

/** What init has recorded, for the next run and for an update. */
const RECORD = '.starter.json';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const at = (file) => join(ROOT, file);

async function main() {
  const { values, positionals } = options();
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const recorded = readJson(at(RECORD));
  const hasFlags = positionals.length > 0 || values.keep !== undefined || values.without !== undefined;
  if (!hasFlags && !values.yes && !process.stdin.isTTY) {
    throw new Refusal('there is no terminal to ask on: give a name, and --yes');
  }
  const given = hasFlags || values.yes ? fromFlags(values, positionals) : await ask(recorded);
  const answers = answersFor(given, recorded);
  console.log(planOf(answers, recorded));
  if (values['dry-run']) return 0;
  if (!values.yes && !(await confirmed())) return 1;
  await carryOut(answers, recorded);
  return 0;
}

function options() {
  try {
    const parsed = parseArgs({ options: OPTIONS, allowPositionals: true });
    if (parsed.positionals.length > 1) throw new Error(`one name, not ${parsed.positionals.length}`);
    return parsed;
  } catch (error) {
    throw new Refusal(`${error.message}\n\n${USAGE}`);
  }
}

function fromFlags({ domain, keep, without = '' }, [name]) {
  return { name, domain, keep: keep === undefined ? undefined : partsIn(keep), without: partsIn(without) };
}

/** Checks what was given against what is recorded, and fills in the rest. @throws {Refusal} */
function answersFor({ name, domain, keep, without }, recorded) {
  if (recorded && name !== undefined && name !== recorded.name) {
    throw new Refusal(
      `this is "${recorded.name}" already: a name is given once; git brings the template's back`,
    );
  }
  if (recorded && domain !== undefined && domain !== recorded.domain) {
    throw new Refusal(`the domain is "${recorded.domain}" already`);
  }
  if (!recorded && name === undefined) throw new Refusal(`a name is missing\n\n${USAGE}`);
  const answers = {
    name: recorded?.name ?? name,
    domain: recorded?.domain ?? domain ?? 'example.com',
    without: choose({ keep, without, removed: recorded?.without }),
    template: recorded?.template ?? templateOf(),
  };
  const problem = nameProblem(answers.name) ?? domainProblem(answers.domain);
  if (problem !== undefined) throw new Refusal(problem);
  return answers;
}

/** Which template this is: its version, and its commit where git knows it. */
function templateOf() {
  const { version } = readJson(at('package.json'));
  const { status, stdout } = git('rev-parse', 'HEAD');
  return { version, commit: status === 0 ? stdout.trim() : null };
}

/** Asks one question on the terminal. @throws AbortError at Ctrl-C and Ctrl-D. */
async function answerTo(question) {
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const closed = new AbortController();
  terminal.once('close', () => closed.abort());
  try {
    return (await terminal.question(question, { signal: closed.signal })).trim();
  } finally {
    terminal.close();
  }
}

async function ask(recorded) {
  const name = recorded?.name ?? (await untilGood('Name of the service: ', nameProblem));
  const domain = recorded?.domain ?? (await untilGood('Its domain (shop.example): ', domainProblem));
  console.log('\nWhat do you keep? Enter keeps a part, n removes it with what needs it.');
  let without = recorded?.without ?? [];
  for (const part of PARTS) {
    if (without.includes(part.name)) continue;
    const answer = await answerTo(`  ${part.name}: ${part.about} [Y/n] `);
    if (/^n/i.test(answer)) without = withDependents([...without, part.name]);
  }
  return { name, domain, without };
}

async function untilGood(question, problemOf) {
  for (;;) {
    const text = await answerTo(question);
    const problem = problemOf(text);
    if (problem === undefined) return text;
    console.log(`  ${problem}`);
  }
}

function planOf({ name, domain, without }, recorded) {
  const fresh = without.filter((one) => !recorded?.without?.includes(one));
  const parts = PARTS.filter((part) => fresh.includes(part.name));
  const gone = recorded ? fresh : [...fresh, "the template's own tests"];
  const files = filesOf(ROOT, recorded ? parts : [...parts, TEMPLATE_ONLY], { name });
  const kept = PARTS.filter((part) => !without.includes(part.name));
  return [
    recorded ? `This is ${name} (${domain}).` : `This becomes ${name} (${domain}).`,
    `remove: ${gone.join(', ') || 'nothing'}${files.length > 0 ? ` (${files.length} files)` : ''}`,
    `keep:   ${kept.map((part) => part.name).join(', ') || 'none of the parts'}`,
    existsSync(at('.env')) ? 'leave:  .env as it is' : 'write:  .env with fresh secrets',
  ].join('\n');
}

/** Asks once, and with changes in the tree says so: they could not be told from init's. */
async function confirmed() {
  const changes = git('status', '--porcelain').stdout.trim();
  const warning = changes ? 'There are changes that are not committed; git could not undo init alone. ' : '';
  if (!process.stdin.isTTY) {
    throw new Refusal(`${warning}There is no terminal to ask on: --yes goes on`);
  }
  return /^y/i.test(await answerTo(`${warning}Go on? [y/N] `));
}

async function carryOut(answers, done) {
  const { deleted, moved, changed } = await render(ROOT, answers, { done });
  writeJson(at(RECORD), answers);
  if (!existsSync(at('.env'))) writeEnv();
  console.log(`deleted ${deleted.length} files, moved ${moved.length}, changed ${changed.length}`);
  console.log('Next: npm install && npm run check, then commit.');
}

function writeEnv() {
  const secret = randomBytes(48).toString('base64');
  const text = `# Settings of this machine; .env.example lists them all. Git ignores this file.\nSESSION_SECRETS=${secret}\n`;
  writeFileSync(at('.env'), text, { mode: 0o600 });
}

function git(...args) {
  return run('git', args, { cwd: ROOT });
}

try {
  process.exitCode = await main();
} catch (error) {
  if (error.name === 'AbortError') {
    console.error('\ninit: stopped; nothing was changed');
    process.exitCode = 1;
  } else if (error instanceof Refusal) {
    console.error(`init: ${error.message}`);
    process.exitCode = 2;
  } else throw error;
}

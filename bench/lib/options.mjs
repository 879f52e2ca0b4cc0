import { parseArgs } from 'node:util';
import { EXTRAS } from './extras.mjs';
import { layers } from './layers.mjs';
import { peers } from './peers.mjs';
import { Refusal } from './refusal.mjs';
import { rows } from './rows.mjs';
import { scales } from './scale.mjs';

/** What --help says of each option; `value`: what its value is called. */
export const OPTIONS = {
  layers: { what: 'what each layer of the stack costs, instead of the rows and extras' },
  peers: { what: 'this template beside other frameworks, instead of the rows and extras; installs them' },
  scale: {
    what: 'what a request costs as connections, routes and data grow, instead of the rows and extras',
  },
  only: {
    value: 'IDS',
    what: 'with commas: these rows and extras (with --layers, --peers or --scale: of these), and what they are compared to',
  },
  rounds: { value: 'N', what: 'how many times each is measured, 1 to 100; 7 if not said' },
  seconds: {
    value: 'S',
    what: 'how long each time, 0.1 to 60; 1 if not said',
  },
  quick: { what: 'for a look while one works: 2 rounds of 0.4 s, no extras, and --scale up to 1,000' },
  json: { what: 'JSON for programs instead of tables' },
  svg: { value: 'FILE', what: 'also writes a chart: of the rows, the peers, or of each scale' },
  help: { what: 'this' },
};

const HELP = 'npm run bench -- --help tells what there is';

/**
 * Reads the command line.
 *
 * @throws {Refusal} when an option, an id or a number is not one of those there are.
 */
export function readOptions(args) {
  const values = parse(args);
  const { help = false, quick = false, json = false, svg } = values;
  const kind = kindOf(values);
  if (svg && kind === 'layers') throw new Refusal('--svg draws no layers: leave out --svg or --layers');
  const only = readIds(values.only, kind);
  const extras = Object.keys(EXTRAS).filter((id) => (only ? only.has(id) : !quick));
  return {
    help,
    kind,
    quick,
    json,
    svg,
    only,
    extras: new Set(kind === 'rows' ? extras : []),
    rounds: readRounds(values.rounds) ?? (quick ? 2 : 7),
    ...times(readSeconds(values.seconds), quick),
  };
}

/** Not strictly, because Node's own messages do not say where to look. */
function parse(args) {
  const options = Object.fromEntries(
    Object.entries(OPTIONS).map(([name, { value }]) => [name, { type: value ? 'string' : 'boolean' }]),
  );
  const { tokens, values } = parseArgs({ args, options, strict: false, tokens: true });
  tokens.forEach(assertKnown);
  return values;
}

function assertKnown({ kind, name, rawName, value }) {
  if (kind === 'option-terminator') return;
  if (kind === 'positional') throw new Refusal(`"${value}" is no option: ${HELP}`);
  if (!Object.hasOwn(OPTIONS, name)) throw new Refusal(`${rawName} is no option: ${HELP}`);
  const { value: wanted } = OPTIONS[name];
  if (wanted && !value) throw new Refusal(`${rawName} needs a value, ${rawName}=${wanted}: ${HELP}`);
  if (!wanted && value !== undefined) throw new Refusal(`${rawName} takes no value: leave out "=${value}"`);
}

/** What is measured: `rows`, `layers`, `peers` or `scale`. */
function kindOf(values) {
  const [kind, other] = ['layers', 'peers', 'scale'].filter((one) => values[one]);
  if (other) throw new Refusal(`--${kind} and --${other} are two runs: leave out one`);
  return kind ?? 'rows';
}

/** The ids that --only takes. */
const KNOWN = {
  rows: [...rows.map(({ id }) => id), ...Object.keys(EXTRAS)],
  layers: layers.map(({ id }) => id),
  peers: peers.map(({ id }) => id),
  scale: scales.map(({ id }) => id),
};

/** What they are called. */
const NAMES = { ...Object.fromEntries(Object.keys(KNOWN).map((kind) => [kind, kind])), scale: 'scales' };

function readIds(text, kind) {
  if (text === undefined) return undefined;
  const ids = text.split(',');
  const unknown = ids.find((id) => !KNOWN[kind].includes(id));
  if (unknown === undefined) return new Set(ids);
  const other = Object.keys(KNOWN).find((one) => KNOWN[one].includes(unknown));
  if (other)
    throw new Refusal(`--only: "${unknown}" is one of the ${NAMES[other]}: ${howToGet(other, kind)}`);
  throw new Refusal(`--only: there is no "${unknown}", but ${KNOWN[kind].join(', ')}`);
}

function howToGet(kind, instead) {
  return kind === 'rows' ? `leave out --${instead}` : `add --${kind}`;
}

function readRounds(text) {
  if (text === undefined) return undefined;
  const rounds = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (rounds >= 1 && rounds <= 100) return rounds;
  throw new Refusal(`--rounds must be a whole number from 1 to 100, not "${text}"`);
}

function readSeconds(text) {
  if (text === undefined) return undefined;
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : 0;
  if (seconds >= 0.1 && seconds <= 60) return seconds;
  throw new Refusal(`--seconds must be a number from 0.1 to 60, not "${text}"`);
}

/** How long a round lasts, and for how long a server is warmed up: V8 makes fast code of what has run for seconds. */
function times(seconds, quick) {
  if (seconds !== undefined) return { milliseconds: seconds * 1000, warmUpMs: seconds * 2000 };
  return quick ? { milliseconds: 400, warmUpMs: 1900 } : { milliseconds: 1000, warmUpMs: 4000 };
}

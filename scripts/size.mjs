// `npm run size`: how much code there is. Exits with 1 where a limit is exceeded.
//   npm run -s size -- [--json] [FOLDER]
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/**
 * The largest number of files, of raw lines, and of lines of code (neither blank nor comments). Raise one only together with
 * what it is raised for; a part that is not here has none.
 */
const LIMITS = {
  yours: { lines: 700 },
  'features/todos': { lines: 73 },
  platform: { lines: 12_477, code: 9_108 },
  'platform/cache': { lines: 1_300 },
  'platform/config': { lines: 930 },
  'platform/doctor': { lines: 180 },
  'platform/http': { lines: 2_211 },
  'platform/jobs': { lines: 260 },
  'platform/lifecycle': { lines: 845 },
  'platform/observability': { lines: 1_276 },
  'platform/openapi': { lines: 410 },
  'platform/operations': { lines: 1_220 },
  'platform/redis': { lines: 620 },
  'platform/sessions': { lines: 560 },
  'platform/stores': { lines: 100 },
  'platform/tracing': { lines: 100 },
  'platform/websockets': { lines: 200 },
  'platform/supervisor': { files: 19, lines: 2_440 },
};

/** The parts that a file of src/ counts for. Examples are features; what mounts them is yours. */
function partsOf(file) {
  const [folder, name, rest] = file.split(sep);
  if (folder === 'platform') return rest ? ['platform', `platform/${name}`] : ['platform'];
  return folder === 'features' && rest ? ['examples', `features/${name}`] : ['yours'];
}

/** Lines as `wc -l` counts them, and those that are neither blank nor begin with a comment. */
function linesOf(text) {
  const lines = text.split('\n').slice(0, -1);
  let isComment = false;
  const code = lines
    .map((line) => line.trim())
    .filter((line) => {
      const isWhole = line.startsWith('//');
      if (line.startsWith('/*')) isComment = true;
      const counts = line !== '' && !isWhole && !isComment;
      if (line.endsWith('*/')) isComment = false;
      return counts;
    });
  return { lines: lines.length, code: code.length };
}

/** What exceeds its limit. */
function excessOf(name, size) {
  const limits = Object.entries(LIMITS[name] ?? {});
  return limits.filter(([unit, limit]) => size[unit] > limit).map(([unit]) => `${name}: ${unit}`);
}

function measure(src) {
  const parts = {};
  const entries = readdirSync(src, { recursive: true, withFileTypes: true });
  for (const entry of entries.filter(({ name }) => name.endsWith('.ts'))) {
    const path = join(entry.parentPath, entry.name);
    const { lines, code } = linesOf(readFileSync(path, 'utf8'));
    for (const name of partsOf(relative(src, path))) {
      const size = (parts[name] ??= { files: 0, lines: 0, code: 0 });
      size.files += 1;
      size.lines += lines;
      size.code += code;
    }
  }
  return parts;
}

const { values, positionals } = parseArgs({ options: { json: { type: 'boolean' } }, allowPositionals: true });
const [root = fileURLToPath(new URL('..', import.meta.url))] = positionals;
const parts = measure(join(root, 'src'));
const exceeded = Object.entries(parts).flatMap(([name, size]) => excessOf(name, size));

if (values.json) console.log(JSON.stringify({ parts, limits: LIMITS, exceeded }));
else {
  const row = (...cells) =>
    console.log(cells.map((cell, i) => (i ? String(cell).padStart(11) : cell.padEnd(24))).join(''));
  row('', 'files', 'lines', 'code');
  for (const [name, size] of Object.entries(parts).sort()) {
    const cell = (unit) => (LIMITS[name]?.[unit] ? `${size[unit]}/${LIMITS[name][unit]}` : size[unit]);
    row(name, cell('files'), cell('lines'), cell('code'));
  }
  for (const one of exceeded) console.error(`over its limit: ${one}`);
}
process.exitCode = exceeded.length > 0 ? 1 : 0;

import { machine } from './machine.mjs';
import { markdown } from './report.mjs';
import { errorOfMedian, median } from './statistics.mjs';

/**
 * Of each size a multiple of the base: in each turn, and of these the median. Its times are that multiple of the base's in
 * all turns.
 *
 * @param measured - each scale with what `measureScale` found.
 */
export function summarizeScales(measured, { rounds, quick }) {
  const scales = measured.map(({ scale, sizes }) => {
    const { id, title, what, base } = scale;
    return { id, title, what, base, sizes: scale.sizes.map((size) => summarizeSize(size, sizes, scale)) };
  });
  return { machine: machine(), rounds, quick, scales };
}

function summarizeSize(size, measured, { base, isBeside }) {
  const all = measured.flatMap(({ turns }) => turns);
  const found = measured.find((one) => one.size === size);
  // The base was measured beside each of the others.
  const turns = found?.turns ?? all;
  const name = found ? 'own' : 'base';
  const rss = found ? [found.rss.own] : measured.map((one) => one.rss.base);
  const growth = (side) => growthOf(turns, name + side, `base${side}`, microsOf(all, `base${side}`));
  return {
    size,
    ...growth(''),
    ...(isBeside && { bare: growth('Bare'), ...addedOf(turns, name, growth('Bare').micros) }),
    ...(all[0].base.redisMicros !== undefined && { redisMicros: redisMicrosOf(turns, name, all) }),
    rssMib: median(rss),
    isBase: size === base,
  };
}

function microsOf(turns, name) {
  return median(turns.map((turn) => turn[name].micros));
}

/** As multiple of the base. */
function growthOf(turns, name, baseName, baseMicros) {
  const ratios = turns.map((turn) => turn[name].micros / turn[baseName].micros);
  const ratio = median(ratios);
  return { micros: ratio * baseMicros, ratio, ratioError: errorOfMedian(ratios) };
}

/** What the template takes more than bare Express with the same routes: in each turn a share of that. */
function addedOf(turns, name, bareMicros) {
  const shares = turns.map((turn) => turn[name].micros / turn[`${name}Bare`].micros - 1);
  return { addedMicros: median(shares) * bareMicros, addedError: errorOfMedian(shares) * bareMicros };
}

/** As a share of what the app takes: Redis may have nothing to do for the base. */
function redisMicrosOf(turns, name, all) {
  const shares = turns.map((turn) => turn[name].redisMicros / turn.base.micros);
  return median(shares) * microsOf(all, 'base');
}

/** The columns of the table. What no scale has is left out. */
const COLUMNS = {
  'what grows': ({ size, what }) => `${what}: ${size.toLocaleString('en-US')}`,
  'CPU µs per request': ({ micros }) => micros.toFixed(1),
  'of the base': ({ ratio }) => ratio.toFixed(2),
  '±': ({ ratioError, isBase }) => (isBase ? '' : ratioError.toFixed(2)),
  'bare Express µs': ({ bare }) => bare?.micros.toFixed(1),
  'of its base': ({ bare }) => bare?.ratio.toFixed(2),
  'added µs': ({ addedMicros }) => addedMicros?.toFixed(1),
  '± µs': ({ addedError }) => addedError?.toFixed(1),
  'Redis µs': ({ redisMicros }) => redisMicros?.toFixed(1),
  MiB: ({ rssMib }) => rssMib.toFixed(0),
};

/** The result as a table in Markdown. */
export function scalesTable({ machine: where, rounds, quick, scales }) {
  const sizes = scales.flatMap(({ what, sizes: all }) => all.map((size) => ({ what, ...size })));
  const columns = Object.entries(COLUMNS).filter(([, cellOf]) => sizes.some((size) => cellOf(size)));
  const rows = sizes.map((size) => columns.map(([, cellOf]) => cellOf(size) ?? ''));
  return [
    `${where}; medians of ${rounds} rounds, in short turns${quick ? ' (quick: for a first look only)' : ''}`,
    'Of the base: a multiple of what the size with 1.00 takes. ±: how far the figure before it may be off (95 %). Added: to bare Express',
    'with the same routes. MiB: memory of the process after the load.',
    '',
    ...markdown(
      columns.map(([title]) => title),
      rows,
    ),
  ].join('\n');
}

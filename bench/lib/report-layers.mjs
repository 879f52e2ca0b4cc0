import { machine } from './machine.mjs';
import { usualId } from './plan-layers.mjs';
import { markdown } from './report.mjs';
import { errorOfMedian, median } from './statistics.mjs';

/**
 * What each layer adds, by itself and as the usual package.
 *
 * @param measured - each layer with what `measureLayer` found.
 */
export function summarizeLayers(measured, { rounds: count, quick }) {
  const rows = measured.map(({ layer: { id, title, on = 'bare', usual }, turns }) => {
    const base = baseMicros(measured, on);
    return {
      id,
      title,
      on,
      ...added(turns, id, on, base),
      usual: usual && { package: usual.package, ...added(turns, usualId(id), on, base) },
    };
  });
  return { machine: machine(), rounds: count, quick, bareMicros: baseMicros(measured, 'bare'), layers: rows };
}

/**
 * In each turn a share of what it takes without: of these shares the median, of what that takes in all turns. Differences
 * in microseconds would grow and shrink with the machine's speed.
 */
function added(turns, id, on, base) {
  const shares = turns.map((turn) => turn[id].micros / turn[on].micros - 1);
  return { micros: median(shares) * base, error: errorOfMedian(shares) * base };
}

/** What a row takes that others are compared to; NaN where none is. */
function baseMicros(measured, id) {
  const compared = measured.filter(({ layer: { on = 'bare' } }) => on === id);
  return median(compared.flatMap(({ turns }) => turns.map((turn) => turn[id].micros)));
}

/** The result as a table in Markdown. */
export function layersTable({ machine: where, rounds, quick, bareMicros, layers: rows }) {
  const head = ['what a layer adds to a request', 'CPU µs', '±', 'on', 'the usual package', 'CPU µs', '±'];
  return [
    `${where}; medians of ${rounds} rounds, in short turns${quick ? ' (quick: for a first look only)' : ''}`,
    `${bareMicros ? `Bare Express 5 takes ${bareMicros.toFixed(1)} CPU µs a request. ` : ''}±: so far the median may be off (95 %).`,
    '',
    ...markdown(head, rows.map(cells)),
  ].join('\n');
}

function cells({ title, micros, error, on, usual }) {
  const below = on === 'bare' ? 'bare Express' : `the ${on.replace('-', ' ')}`;
  const others = usual ? [usual.package, signed(usual.micros), usual.error.toFixed(1)] : ['', '', ''];
  return [title, signed(micros), error.toFixed(1), below, ...others];
}

function signed(micros) {
  return `${micros < 0 ? '−' : '+'}${Math.abs(micros).toFixed(1)}`;
}

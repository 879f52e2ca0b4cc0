import { machine } from './machine.mjs';
import { median } from './measure.mjs';
import { usualId } from './plan-layers.mjs';
import { markdown } from './report.mjs';

/**
 * What each layer adds, by itself and as the usual package.
 *
 * @param measured - each layer with what `measureLayer` found.
 */
export function summarizeLayers(measured, { rounds: count, quick }) {
  const rows = measured.map(({ layer: { id, title, on = 'bare', usual }, rounds }) => {
    const base = baseMicros(measured, on);
    return {
      id,
      title,
      on,
      ...added(rounds, id, on, base),
      usual: usual && { package: usual.package, ...added(rounds, usualId(id), on, base) },
    };
  });
  return { machine: machine(), rounds: count, quick, bareMicros: baseMicros(measured, 'bare'), layers: rows };
}

/**
 * In each round a share of what it takes without: of these shares the median, of what that takes in all rounds. Differences
 * in microseconds would grow and shrink with the machine's speed.
 */
function added(rounds, id, on, base) {
  const shares = rounds.map((round) => round[id] / round[on] - 1);
  return { micros: median(shares) * base, spread: ((Math.max(...shares) - Math.min(...shares)) / 2) * base };
}

/** What a row takes that others are compared to; NaN where none is. */
function baseMicros(measured, id) {
  const compared = measured.filter(({ layer: { on = 'bare' } }) => on === id);
  return median(compared.flatMap(({ rounds }) => rounds.map((round) => round[id])));
}

/** The result as a table in Markdown. */
export function layersTable({ machine: where, rounds, quick, bareMicros, layers: rows }) {
  const head = ['what a layer adds to a request', 'CPU µs', '±', 'on', 'the usual package', 'CPU µs', '±'];
  return [
    `${where}; medians of ${rounds} rounds${quick ? ' (quick: for a first look only)' : ''}`,
    `${bareMicros ? `Bare Express 5 takes ${bareMicros.toFixed(1)} CPU µs a request. ` : ''}±: half of how far the rounds lay apart.`,
    '',
    ...markdown(head, rows.map(cells)),
  ].join('\n');
}

function cells({ title, micros, spread, on, usual }) {
  const below = on === 'bare' ? 'bare Express' : `the ${on.replace('-', ' ')}`;
  const others = usual ? [usual.package, signed(usual.micros), usual.spread.toFixed(1)] : ['', '', ''];
  return [title, signed(micros), spread.toFixed(1), below, ...others];
}

function signed(micros) {
  return `${micros < 0 ? '−' : '+'}${Math.abs(micros).toFixed(1)}`;
}

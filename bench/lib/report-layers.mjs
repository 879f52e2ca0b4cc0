import { machine } from './machine.mjs';
import { median } from './measure.mjs';
import { usualId } from './plan-layers.mjs';
import { markdown } from './report.mjs';

/** What each layer adds, by itself and as the usual package. */
export function summarizeLayers(measured, wanted, { rounds, quick }) {
  const bareMicros = baseMicros(measured, 'bare');
  const rows = wanted.map(({ id, title, on = 'bare', usual }) => ({
    id,
    title,
    on,
    ...added(measured, id),
    usual: usual && { package: usual.package, ...added(measured, usualId(id)) },
  }));
  return { machine: machine(), rounds, quick, bareMicros, layers: rows };
}

/**
 * In each round a share of what the other row took in the same seconds; of these shares the median, of what that takes in
 * all. A difference in microseconds would grow and shrink with the machine's speed.
 */
function added(measured, id) {
  const { on, rounds } = measured.get(id);
  const shares = rounds.map((round) => round.micros / round.baseMicros - 1);
  const base = baseMicros(measured, on);
  return { micros: median(shares) * base, spread: ((Math.max(...shares) - Math.min(...shares)) / 2) * base };
}

/** What a row takes that others are compared to. */
function baseMicros(measured, id) {
  const compared = [...measured.values()].filter(({ on }) => on === id);
  return median(compared.flatMap(({ rounds }) => rounds.map((round) => round.baseMicros)));
}

/** The result as a table in Markdown. */
export function layersTable({ machine: where, rounds, quick, bareMicros, layers: rows }) {
  const head = ['what a layer adds to a request', 'CPU µs', '±', 'on', 'the usual package', 'CPU µs', '±'];
  return [
    `${where}; medians of ${rounds} rounds${quick ? ' (quick: for a first look only)' : ''}`,
    `Bare Express 5 takes ${bareMicros.toFixed(1)} CPU µs a request. ±: how far the rounds lay from each other, halved.`,
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

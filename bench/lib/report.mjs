import { machine } from './machine.mjs';
import { extraRows } from './extras.mjs';
import { errorOfMedian, median } from './statistics.mjs';

/**
 * Each row as a ratio to bare Express: in each turn to the same turn of bare Express, and of these the median. Its times are
 * that share of bare Express's, as rows that are measured one after the other do not find the machine at the same speed.
 */
export function summarize(measured, extras, { rounds, quick }) {
  const major = Number(/Node (\d+)/.exec(machine())[1]);
  const bareTurns = [...measured.values()].flatMap(({ turns }) => turns.map(({ bare }) => bare));
  const bare = medians(bareTurns);
  const rows = [...measured.values()].map(({ row, turns, wireBytes }) => {
    const ratios = turns.map(({ own, bare }) => bare.micros / own.micros);
    const ratio = median(ratios);
    const perSecondRatio = median(turns.map(({ own, bare }) => own.perSecond / bare.perSecond));
    return {
      id: row.id,
      title: row.title,
      micros: bare.micros / ratio,
      ratio,
      ratioError: errorOfMedian(ratios),
      perSecond: bare.perSecond * perSecondRatio,
      perSecondRatio,
      wireBytes,
      least: forNode(row.least, major),
      aim: forNode(row.aim, major),
      asMeasured: medians(turns.map(({ own }) => own)),
    };
  });
  return { machine: machine(), rounds, quick, rows, extras: extraRows(extras), raw: extras };
}

function medians(runs) {
  return {
    micros: median(runs.map(({ micros }) => micros)),
    perSecond: median(runs.map(({ perSecond }) => perSecond)),
  };
}

/** What a row must reach, on this Node: on others bare Express itself costs something else. */
export function forNode(byMajor, major) {
  return byMajor?.[major] ?? byMajor?.default;
}

/** The result as a table in Markdown, which is also easy to read in a terminal. */
export function table({ machine: where, rounds, quick, rows, extras }) {
  const lines = [
    `${where}; medians of ${rounds} rounds, in short turns${quick ? ' (quick: for a first look only)' : ''}`,
    '±: so far the ratio before it may be off (95 %).',
    '',
    ...markdown(
      ['variant', 'CPU µs a request', 'ratio', '±', 'requests/s', 'ratio', 'at least', 'aim'],
      rows.map((row) => [
        row.title,
        row.micros.toFixed(1),
        row.ratio.toFixed(2),
        row.ratioError.toFixed(2),
        Math.round(row.perSecond).toLocaleString('en-US'),
        row.perSecondRatio.toFixed(2),
        verdict(row),
        row.aim ?? '',
      ]),
    ),
  ];
  if (extras.length === 0) return lines.join('\n');
  const more = extras.map((row) => [row.title, row.value, verdict(row), row.aim ?? '']);
  return [...lines, '', ...markdown(['what', 'measured', 'at least', 'aim'], more)].join('\n');
}

export function verdict({ ratio, least, most }) {
  if (least !== undefined) return `${least} ${ratio >= least ? '✓' : '✗'}`;
  if (most !== undefined) return `≤ ${most} ${ratio <= most ? '✓' : '✗'}`;
  return '';
}

/** A table in Markdown; all columns but the first hold numbers. */
export function markdown(head, rows) {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => String(row[i]).length)));
  const line = (cells) => {
    const padded = cells.map((cell, i) =>
      i === 0 ? String(cell).padEnd(widths[i]) : String(cell).padStart(widths[i]),
    );
    return `| ${padded.join(' | ')} |`;
  };
  const rule = widths.map((width, i) => (i === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  return [line(head), `| ${rule.join(' | ')} |`, ...rows.map(line)];
}

import { machine } from './machine.mjs';
import { median } from './measure.mjs';
import { extraRows } from './extras.mjs';

/** Medians over the rounds, each also as a ratio to bare Express in the same run, and what it should be. */
export function summarize(measured, extras, { rounds, quick }) {
  const bare = medians(measured.get('bare').rounds);
  const major = Number(/Node (\d+)/.exec(machine())[1]);
  const rows = [...measured.values()].map(({ row, rounds: each, wireBytes }) => {
    const { micros, perSecond, spread } = medians(each);
    return {
      id: row.id,
      title: row.title,
      micros,
      spread,
      ratio: bare.micros / micros,
      perSecond,
      perSecondRatio: perSecond / bare.perSecond,
      wireBytes,
      least: forNode(row.least, major),
      aim: forNode(row.aim, major),
    };
  });
  return { machine: machine(), rounds, quick, rows, extras: extraRows(extras), raw: extras };
}

/** What a row must reach, on this Node: on others bare Express itself costs something else. */
function forNode(byMajor, major) {
  return byMajor?.[major] ?? byMajor?.default;
}

function medians(rounds) {
  const micros = rounds.map((round) => round.micros);
  return {
    micros: median(micros),
    perSecond: median(rounds.map((round) => round.perSecond)),
    // How far the rounds lay apart, as a share of the median.
    spread: (Math.max(...micros) - Math.min(...micros)) / median(micros),
  };
}

/** The result as a table in Markdown, which is also easy to read in a terminal. */
export function table({ machine: where, rounds, quick, rows, extras }) {
  const lines = [
    `${where}; medians of ${rounds} rounds${quick ? ' (quick: for a first look only)' : ''}`,
    '',
    ...markdown(
      ['variant', 'CPU µs a request', 'ratio', 'requests/s', 'ratio', 'rounds ±', 'at least', 'aim'],
      rows.map((row) => [
        row.title,
        row.micros.toFixed(1),
        row.ratio.toFixed(2),
        Math.round(row.perSecond).toLocaleString('en-US'),
        row.perSecondRatio.toFixed(2),
        `${Math.round(row.spread * 50)} %`,
        verdict(row),
        row.aim ?? '',
      ]),
    ),
  ];
  if (extras.length === 0) return lines.join('\n');
  const more = extras.map((row) => [row.title, row.value, verdict(row), row.aim ?? '']);
  return [...lines, '', ...markdown(['what', 'measured', 'at least', 'aim'], more)].join('\n');
}

function verdict({ ratio, least, most }) {
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

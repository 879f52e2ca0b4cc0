/** The rows as bars of CPU time a request, grouped by what is asked, as an SVG that reads in light and dark pages. */
export function chart({ machine, rows }) {
  const [left, bar, gap, width] = [330, 20, 8, 900];
  const most = Math.max(...rows.map(({ micros }) => Math.min(micros, CUT_MICROS)));
  const scale = (width - left - 150) / most;
  const bars = rows.map((row, i) => {
    const y = 46 + i * (bar + gap);
    const length = Math.max(1, Math.min(row.micros, CUT_MICROS) * scale);
    const cut = row.micros > CUT_MICROS ? ' →' : '';
    return [
      `<text x="${left - 8}" y="${y + 14}" text-anchor="end">${escape(row.title)}</text>`,
      `<rect x="${left}" y="${y}" width="${length.toFixed(1)}" height="${bar}" rx="3" fill="${color(row.id)}"/>`,
      `<text x="${(left + length + 8).toFixed(1)}" y="${y + 14}">${row.micros.toFixed(0)} µs${cut} · ${row.ratio.toFixed(2)}</text>`,
    ].join('\n  ');
  });
  const height = 56 + rows.length * (bar + gap);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="13">
  <title>CPU time a request, and bare Express's as a share of it</title>
  <style>${TEXT_STYLE}</style>
  <text x="8" y="24" font-size="15">CPU µs a request · ratio to bare Express (${escape(machine)})</text>
  ${bars.join('\n  ')}
</svg>
`;
}

/** For light and dark pages. */
export const TEXT_STYLE =
  'text { fill: #24292f } @media (prefers-color-scheme: dark) { text { fill: #d0d7de } }';

export const COLORS = { usual: '#d1682b', bare: '#8c959f', own: '#2b8a5e' };

/** Longer bars are cut, or the short ones could not be told apart. */
const CUT_MICROS = 400;

function color(id) {
  if (id.startsWith('usual')) return COLORS.usual;
  return id === 'node' || id.startsWith('bare') ? COLORS.bare : COLORS.own;
}

export function escape(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}

import { COLORS, escape, TEXT_STYLE } from './chart.mjs';

/** As wide as a small phone has room for. */
const WIDTH = 380;
const HEAD = 60;
const PANEL = { height: 118, top: 36, bottom: 24, left: 38, right: 38 };

/** One panel per scale, one below the other: the CPU time per request as a multiple of the base's, by size. */
export function scalesChart({ machine, scales }) {
  const panels = scales.map((scale, i) => panel(scale, HEAD + i * PANEL.height));
  const height = HEAD + scales.length * PANEL.height + 6;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="12">
  <title>CPU time per request as connections, routes and data grow</title>
  <style>${TEXT_STYLE} .axis { stroke: #8c959f; stroke-opacity: 0.5 }</style>
  <text x="8" y="18" font-size="14">CPU time per request, as a multiple of the base</text>
  <text x="8" y="35" font-size="10">dashed: no growth · grey: bare Express with as many routes</text>
  <text x="8" y="50" font-size="9">${escape(machine)}</text>
  ${panels.join('\n  ')}
</svg>
`;
}

function panel({ title, sizes }, y) {
  const bare = sizes[0].bare ? sizes.map(({ bare: one }) => one) : undefined;
  const most = Math.max(2, ...sizes.map(({ ratio }) => ratio), ...(bare ?? []).map(({ ratio }) => ratio));
  const bottom = y + PANEL.height - PANEL.bottom;
  const xOf = (i) => PANEL.left + (i * (WIDTH - PANEL.left - PANEL.right)) / Math.max(1, sizes.length - 1);
  const yOf = (ratio) => bottom - (ratio / most) * (PANEL.height - PANEL.top - PANEL.bottom);
  const line = (values, color) => curve(values, { xOf, yOf, color });
  return [
    `<text x="8" y="${y + 14}" font-weight="600">${escape(title)}</text>`,
    axis(bottom),
    axis(yOf(1), ' stroke-dasharray="2 3"'),
    ...sizes.map(({ size }, i) => label(xOf(i), bottom + 15, size.toLocaleString('en-US'))),
    bare ? line(bare, COLORS.bare) : '',
    line(sizes, COLORS.own),
    ...sizes.map(({ ratio, bare: other }, i) => {
      // Not where the other line is.
      const below = other?.ratio > 1.1 * ratio;
      return label(xOf(i), yOf(ratio) + (below ? 16 : -7), ratio.toFixed(2));
    }),
  ]
    .filter(Boolean)
    .join('\n  ');
}

function axis(y, more = '') {
  return `<line x1="8" x2="${WIDTH - 8}" y1="${y.toFixed(1)}" y2="${y.toFixed(1)}" class="axis"${more}/>`;
}

function label(x, y, text) {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="middle">${text}</text>`;
}

/** The sizes with their errors as bars. */
function curve(values, { xOf, yOf, color }) {
  const points = values.map(({ ratio }, i) => `${xOf(i).toFixed(1)},${yOf(ratio).toFixed(1)}`).join(' ');
  const marks = values.map(({ ratio, ratioError }, i) => {
    const [x, low, high] = [xOf(i), yOf(ratio - ratioError), yOf(ratio + ratioError)].map((n) =>
      n.toFixed(1),
    );
    return `<path d="M${x} ${low}V${high}" stroke="${color}"/><circle cx="${x}" cy="${yOf(ratio).toFixed(1)}" r="3.5" fill="${color}"/>`;
  });
  return `<polyline points="${points}" fill="none" stroke="${color}" stroke-width="2"/>${marks.join('')}`;
}

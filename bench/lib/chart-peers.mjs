import { COLORS, escape, TEXT_STYLE } from './chart.mjs';
import { peers as all } from './peers.mjs';

/** What the groups are called, by the row of this template that a peer is measured against. */
const GROUPS = {
  proxied: 'a small response',
  session: 'a session from Redis',
  list: '200 rows, compressed',
};

/** As wide as a small phone has room for. */
const WIDTH = 380;
const [LEFT, RIGHT, BAR, GAP, HEAD] = [164, 64, 14, 6, 46];

/** Longer bars are cut, or the short ones could not be told apart. */
const CUT = 4;

/** The CPU time per request of each peer as a multiple of this template's, by what was asked for. */
export function peersChart({ machine, peers }) {
  const lines = Object.entries(GROUPS).flatMap(([against, title]) => {
    const group = peers.filter(({ id }) => all.find((peer) => peer.id === id).against === against);
    if (group.length === 0) return [];
    const own = { title: 'this template', times: 1, isOwn: true };
    const rows = group.map((peer) => ({ title: shorten(peer.title), times: 1 / peer.ratio, id: peer.id }));
    return [{ heading: title }, ...[own, ...rows].sort((a, b) => a.times - b.times)];
  });
  const most = Math.min(CUT, Math.max(...lines.map(({ times = 0 }) => times)));
  const scale = (WIDTH - LEFT - RIGHT) / most;
  const height = HEAD + lines.length * (BAR + GAP) + 8;
  const drawn = lines.map((line, i) => draw(line, HEAD + i * (BAR + GAP), scale));
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="12">
  <title>CPU time per request of other frameworks, as a multiple of this template's</title>
  <style>${TEXT_STYLE}</style>
  <text x="8" y="18" font-size="14">CPU time per request, this template = 1</text>
  <text x="8" y="34" font-size="9">${escape(machine)}</text>
  ${drawn.join('\n  ')}
</svg>
`;
}

function draw({ heading, title, times, isOwn, id }, y, scale) {
  if (heading) return `<text x="8" y="${y + 14}" font-weight="600">${escape(heading)}</text>`;
  const length = Math.max(1, Math.min(times, CUT) * scale);
  const cut = times > CUT ? ' →' : '';
  return [
    `<text x="${LEFT - 6}" y="${y + 11}" text-anchor="end">${escape(title)}</text>`,
    `<rect x="${LEFT}" y="${y}" width="${length.toFixed(1)}" height="${BAR}" rx="2" fill="${isOwn ? COLORS.own : colorOf(id)}"/>`,
    `<text x="${(LEFT + length + 5).toFixed(1)}" y="${y + 11}">${times.toFixed(2)}${cut}</text>`,
  ].join('\n  ');
}

function colorOf(id) {
  return id.startsWith('node') || id.startsWith('bare') ? COLORS.bare : COLORS.usual;
}

/** Without what the group's heading says. */
function shorten(title) {
  return title
    .replace(/^(?:session from Redis|200 rows): /, '')
    .replace('Fastify (two log lines, its default)', 'Fastify');
}

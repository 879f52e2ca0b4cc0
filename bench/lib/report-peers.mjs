import { machine } from './machine.mjs';
import { forNode, markdown, verdict } from './report.mjs';
import { errorOfMedian, median } from './statistics.mjs';

/** This template's CPU time per request as a share of each peer's: in each turn, and of these the median. */
export function summarizePeers({ measured, processes }, { rounds, quick }) {
  const where = machine();
  const major = Number(/Node (\d+)/.exec(where)[1]);
  const peers = measured.map(({ row, turns, ownP99, peerP99 }) => {
    const shares = turns.map(({ own, peer }) => own.micros / peer.micros);
    const of = (name, what) => median(turns.map((turn) => turn[name][what]));
    return {
      id: row.id,
      title: row.title,
      ownMicros: of('own', 'micros'),
      peerMicros: of('peer', 'micros'),
      ratio: median(shares),
      ratioError: errorOfMedian(shares),
      perSecondRatio: median(turns.map(({ own, peer }) => own.perSecond / peer.perSecond)),
      ownP99,
      peerP99,
      most: forNode(row.most, major),
      aim: forNode(row.aim, major),
    };
  });
  return { machine: where, rounds, quick, peers, processes };
}

/** The result as tables in Markdown. */
export function peersTable({ machine: where, rounds, quick, peers, processes }) {
  const head = [
    'beside',
    'its CPU µs',
    'ours',
    'our share',
    '±',
    'requests/s',
    'p99 ms: its',
    'ours',
    'at most',
    'aim',
  ];
  const lines = [
    `${where}; medians of ${rounds} rounds, in short turns${quick ? ' (quick: for a first look only)' : ''}`,
    'Our share: our CPU time per request as a share of theirs; requests/s: ours as a multiple of theirs. p99: at 70 % of what each can take.',
    '',
    ...markdown(head, peers.map(cells)),
  ];
  if (processes.length === 0) return lines.join('\n');
  const more = processes.map(({ name, startMs, loadedMib, restMib }) => [
    name === 'plain' ? 'this template, one process' : name,
    ...[startMs, loadedMib, restMib].map((value) => value.toFixed(0)),
  ]);
  return [...lines, '', ...markdown(['process', 'start ms', 'MiB after load', 'MiB at rest'], more)].join(
    '\n',
  );
}

function cells(peer) {
  const { title, peerMicros, ownMicros, ratio, ratioError, perSecondRatio, ownP99, peerP99, aim = '' } = peer;
  const times = [peerP99, ownP99].map((value) => value?.toFixed(1) ?? '');
  return [
    title,
    peerMicros.toFixed(1),
    ownMicros.toFixed(1),
    ratio.toFixed(2),
    ratioError.toFixed(2),
    perSecondRatio.toFixed(2),
    ...times,
    verdict(peer),
    aim,
  ];
}

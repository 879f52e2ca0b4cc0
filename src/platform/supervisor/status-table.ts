import type { Status, WorkerStatus } from './status.ts';

const HEADINGS = [
  'worker',
  'pid',
  'state',
  'gen',
  'uptime',
  'memory',
  'busy',
  'delay',
  'requests',
  'in flight',
];

/** The status as text for a terminal: what matters in one line, then a line a worker. */
export function statusTable(status: Status): string {
  const rows = [HEADINGS, ...status.workers.map(row)];
  const widths = HEADINGS.map((_, column) => Math.max(...rows.map((cells) => (cells[column] ?? '').length)));
  const lines = rows.map((cells) => cells.map((cell, column) => pad(cell, column, widths)).join('  '));
  return [...headLines(status), '', ...lines.map((line) => line.trimEnd())].join('\n');
}

function headLines({
  state,
  ready,
  target,
  generation,
  pid,
  uptimeSeconds,
  counts,
  lastReload,
}: Status): string[] {
  const { crashes, hangs, bootFailures, recycled } = counts;
  const lines = [
    `${state}: ${ready} of ${target} ready · generation ${generation} · primary ${pid} · up ${duration(uptimeSeconds)}`,
    `replaced: ${crashes} crashed, ${hangs} hung, ${bootFailures} did not boot, ${recycled} recycled`,
  ];
  if (lastReload && !lastReload.ok) lines.push(`last reload was aborted: ${lastReload.reason ?? ''}`);
  return lines;
}

function row(worker: WorkerStatus): string[] {
  return [
    String(worker.slot),
    text(worker.pid),
    worker.state,
    String(worker.generation),
    duration(worker.uptimeSeconds),
    text(worker.rssBytes, (bytes) => `${Math.round(bytes / 1024 ** 2)} MB`),
    text(worker.utilization, (share) => `${Math.round(share * 100)} %`),
    text(worker.delayMs, (ms) => `${ms.toFixed(1)} ms`),
    text(worker.requests, (count) => count.toLocaleString('en-US')),
    text(worker.inFlight),
  ];
}

function text(value: number | undefined, format: (value: number) => string = String): string {
  return value === undefined ? '–' : format(value);
}

/** Words to the left, numbers to the right. */
function pad(cell: string, column: number, widths: readonly number[]): string {
  const width = widths[column] ?? 0;
  return HEADINGS[column] === 'state' ? cell.padEnd(width) : cell.padStart(width);
}

/** 93784 seconds are "1 d 2 h": the two units that matter. */
export function duration(seconds: number): string {
  const units = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [Math.floor(seconds) % 60, 's'],
  ] as const;
  const first = units.findIndex(([count]) => count > 0);
  if (first === -1) return '0 s';
  const shown = units.slice(first, first + 2).filter(([count]) => count > 0);
  return shown.map(([count, unit]) => `${count} ${unit}`).join(' ');
}

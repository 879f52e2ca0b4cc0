import { toPlain } from './plain.ts';

/** What is tried one after the other: how much of a line is kept. */
const ATTEMPTS = [
  { depth: 7, breadth: 100, length: 2000 },
  { depth: 6, breadth: 50, length: 1000 },
  { depth: 5, breadth: 20, length: 400 },
  { depth: 3, breadth: 10, length: 100 },
  { depth: 0, breadth: 0, length: 100 },
];

/**
 * Makes a log line as short as it must be, by leaving out what is deep, long or much. It stays one JSON object, with
 * `"shortened": true`.
 *
 * @param maxBytes - its length in bytes, at least 1,000.
 * @returns undefined for a line that is no JSON object.
 */
export function shortenLine(line: string, maxBytes: number): string | undefined {
  const record = parse(line);
  if (!record) return undefined;
  const { level, time, pid, reqId, msg, ...fields } = record;
  for (const limits of ATTEMPTS) {
    const plain = (value: unknown) =>
      toPlain(value, { ...limits, values: 1000, characters: Number.MAX_SAFE_INTEGER });
    const head = { level: plain(level), time: plain(time), pid: plain(pid), reqId: plain(reqId) };
    const shorter = { ...head, ...(plain(fields) as object), shortened: true, msg: plain(msg) };
    const text = `${JSON.stringify(shorter)}\n`;
    if (Buffer.byteLength(text) <= maxBytes) return text;
  }
  return '{"level":"error","shortened":true,"msg":"a log line was too long"}\n';
}

function parse(line: string): Record<string, unknown> | undefined {
  try {
    const record: unknown = JSON.parse(line);
    return typeof record === 'object' && record !== null ? (record as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

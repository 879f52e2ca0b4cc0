/**
 * When the support of each release line of Node.js ends, security fixes included.
 *
 * @see https://github.com/nodejs/Release/blob/main/schedule.json
 */
const END_OF_LIFE: Readonly<Record<number, string>> = {
  20: '2026-04-30',
  21: '2024-06-01',
  22: '2027-04-30',
  23: '2025-06-01',
  24: '2028-04-30',
  25: '2026-06-01',
  26: '2029-04-30',
};

const DAY_MS = 86_400_000;

/** Long enough to plan and test a move to another release line. */
const NOTICE_DAYS = 90;

/**
 * Warns of a version of Node.js whose support ends soon or has ended.
 *
 * @returns undefined for all others, and for release lines that the table does not have yet.
 * @param version - as `process.versions.node` has it, for example 24.1.0.
 */
export function endOfLife(version: string, now = new Date()): string | undefined {
  const date = END_OF_LIFE[Number.parseInt(version, 10)];
  if (date === undefined) return undefined;
  const daysLeft = (Date.parse(date) - now.getTime()) / DAY_MS;
  if (daysLeft < 0)
    return `Node.js ${version} gets no security fixes since ${date}: move to a newer release line`;
  if (daysLeft < NOTICE_DAYS)
    return `Node.js ${version} gets no security fixes from ${date} on: plan the move`;
  return undefined;
}

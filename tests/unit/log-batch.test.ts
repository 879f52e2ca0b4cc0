import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { destination } from 'pino';
import { batchLines, BATCHED } from '../../src/runtime/log-batch.ts';

let files = 0;

function openLog() {
  const file = join(tmpdir(), `log-batch-${process.pid}-${files++}.log`);
  const log = batchLines(destination({ dest: file, append: false, ...BATCHED }));
  return { log, written: () => readFile(file, 'utf8'), writtenNow: () => readFileSync(file, 'utf8') };
}

async function opened(log: ReturnType<typeof openLog>['log']): Promise<void> {
  await new Promise((resolve) => log.once('ready', resolve));
}

/** What is in the file once so much is: a write that was under way may end after a flush. */
async function whole(written: () => Promise<string>, length: number): Promise<string> {
  for (let i = 0; i < 200 && (await written()).length < length; i++) await sleep(20);
  return written();
}

const LINES = Array.from({ length: 3000 }, (_, i) =>
  i % 500 === 7 ? `${i} ${'ž€😀'.repeat(30_000)}\n` : `${i} São Paulo 東京 😀\n`,
);

test('lines come out whole and in order, whatever characters are in them and however long they are', async () => {
  const { log, written } = openLog();
  await opened(log);
  for (const line of LINES) log.write(line);
  expect(await whole(written, LINES.join('').length)).toBe(LINES.join(''));
  log.end();
});

test('flushed at once, as at the end of a process, none is missing or there twice', async () => {
  const { log, written } = openLog();
  await opened(log);
  for (const line of LINES) log.write(line);
  log.flushSync();
  const text = await whole(written, LINES.join('').length);
  expect(text.split('\n').sort()).toEqual(LINES.join('').split('\n').sort());
  log.end();
});

test('a line that nothing follows is written by itself, some milliseconds later', async () => {
  const { log, written, writtenNow } = openLog();
  await opened(log);
  log.write('alone\n');
  // Read at once: a busy machine may take those milliseconds to read it otherwise.
  expect(writtenNow()).toBe('');
  for (let i = 0; i < 100 && (await written()) === ''; i++) await sleep(20);
  expect(await written()).toBe('alone\n');
  log.end();
});

import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { destination } from 'pino';
import { batchLines } from '../../src/runtime/log-batch.ts';

let files = 0;

function openLog() {
  const file = join(tmpdir(), `log-batch-${process.pid}-${files++}.log`);
  const log = batchLines(destination({ dest: file, sync: false, append: false, contentMode: 'buffer' }));
  return { log, written: () => readFile(file, 'utf8') };
}

async function opened(log: ReturnType<typeof openLog>['log']): Promise<void> {
  await new Promise((resolve) => log.once('ready', resolve));
}

test('lines come out whole and in order, whatever characters are in them and however long they are', async () => {
  const { log, written } = openLog();
  await opened(log);
  const lines = Array.from({ length: 3000 }, (_, i) =>
    i % 500 === 7 ? `${i} ${'ž€😀'.repeat(30_000)}\n` : `${i} São Paulo 東京 😀\n`,
  );
  for (const line of lines) log.write(line);
  log.flushSync();
  expect(await written()).toBe(lines.join(''));
  log.end();
});

test('a line that nothing follows is written by itself, some milliseconds later', async () => {
  const { log, written } = openLog();
  await opened(log);
  log.write('alone\n');
  expect(await written()).toBe('');
  for (let i = 0; i < 100 && (await written()) === ''; i++) await sleep(20);
  expect(await written()).toBe('alone\n');
  log.end();
});

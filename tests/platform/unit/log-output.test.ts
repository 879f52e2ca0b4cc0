import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync, readSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, test } from '@jest/globals';
import { LogOutput, shortenLine } from '../../../src/platform/observability/log-output.ts';
import { until } from '../../support/until.ts';

let files = 0;
const open: number[] = [];
// Not after each test: the next one would get the number, and what an output still has to write.
afterAll(() => {
  for (const fd of open.splice(0)) closeSync(fd);
});

function opened(path: string, flags: string | number): number {
  const fd = openSync(path, flags);
  open.push(fd);
  return fd;
}

function openLog() {
  const file = join(tmpdir(), `log-output-${process.pid}-${files++}.log`);
  return {
    log: new LogOutput(opened(file, 'w')),
    written: () => readFile(file, 'utf8'),
    writtenNow: () => readFileSync(file, 'utf8'),
  };
}

/** What is in the file once that much is there: a write that was under way may end after a flush. */
async function whole(written: () => Promise<string>, length: number): Promise<string> {
  await until(async () => (await written()).length >= length);
  return written();
}

const LINES = Array.from({ length: 3000 }, (_, i) =>
  i % 500 === 7 ? `${i} ${'ž€😀'.repeat(30_000)}\n` : `${i} São Paulo 東京 😀\n`,
);

test('lines come out whole and in order, whatever characters are in them and however long they are', async () => {
  const { log, written } = openLog();
  for (const line of LINES) log.write(line);
  expect(await whole(written, LINES.join('').length)).toBe(LINES.join(''));
});

test('flushed at once, as at the end of a process, none is missing or there twice', async () => {
  const { log, written } = openLog();
  for (const line of LINES) log.write(line);
  log.flushSync();
  const text = await whole(written, LINES.join('').length);
  expect(text.split('\n').sort()).toEqual(LINES.join('').split('\n').sort());
});

test('flushed, it calls back when all is written, and at once when all was', async () => {
  const { log, writtenNow } = openLog();
  for (const line of LINES) log.write(line);
  await new Promise<void>((resolve) => {
    log.flush(resolve);
  });
  expect(writtenNow()).toBe(LINES.join(''));
  let calledBack = false;
  log.flush(() => (calledBack = true));
  expect(calledBack).toBe(true);
});

test('a line that nothing follows is written by itself, some milliseconds later', async () => {
  const { log, written, writtenNow } = openLog();
  log.write('alone\n');
  // Read at once: a busy machine may take those milliseconds to read it otherwise.
  expect(writtenNow()).toBe('');
  await until(async () => (await written()) === 'alone\n');
});

describe('where the output takes nothing', () => {
  /** A pipe whose reader does not read, and that holds 64 KiB. Not blocking, so that no thread waits for it. */
  function pipe() {
    const path = join(tmpdir(), `log-output-${process.pid}-${files++}.pipe`);
    execFileSync('mkfifo', [path]);
    // Open for both: to open it for one of them alone would wait for the other.
    const both = opened(path, constants.O_RDWR | constants.O_NONBLOCK);
    return { log: new LogOutput(both), fd: both };
  }

  test('for a while, a slow reader gets all lines in order', async () => {
    const { log, fd } = pipe();
    for (const line of LINES) log.write(line);
    let text = '';
    const decoder = new TextDecoder();
    const chunk = Buffer.alloc(8192);
    await until(() => {
      for (let i = 0; i < 20; i++) {
        try {
          text += decoder.decode(chunk.subarray(0, readSync(fd, chunk)), { stream: true });
        } catch {
          break;
        }
      }
      return text.length >= LINES.join('').length;
    }, 30_000);
    expect(text).toBe(LINES.join(''));
  }, 40_000);

  test('the end of the process does not wait for it forever', () => {
    const { log } = pipe();
    for (const line of LINES) log.write(line);
    log.flushSync();
    log.flushSync();
    expect(() => {
      log.write('one more\n');
    }).not.toThrow();
  });

  test('beyond what may wait, lines are lost, and their number is logged as soon as there is room', async () => {
    const { log, fd } = pipe();
    const line = `${'x'.repeat(99_999)}\n`;
    for (let i = 0; i < 200; i++) log.write(line);
    let text = '';
    const chunk = Buffer.alloc(65_536);
    await until(() => {
      for (let i = 0; i < 20; i++) {
        try {
          text += chunk.toString('latin1', 0, readSync(fd, chunk));
        } catch {
          break;
        }
      }
      return text.includes('log lines were lost') && text.endsWith('}\n');
    }, 30_000);
    const whole = text.split('\n').filter((one) => one.length === 99_999).length;
    const report = JSON.parse(text.split('\n').find((one) => one.startsWith('{')) ?? '') as { lines: number };
    // 8 MiB may wait.
    expect(whole).toBe(84);
    expect(report.lines).toBe(200 - whole);
  }, 40_000);

  test('because its disk is full, nothing is thrown and nothing waits', async () => {
    const log = new LogOutput(opened('/dev/full', 'w'));
    log.write('lost\n');
    await sleep(50);
    log.write('lost, too\n');
    log.flushSync();
    log.flush();
    await sleep(50);
    expect(() => {
      log.write('and this\n');
    }).not.toThrow();
  });

  test('because its reader is gone, nothing is thrown and nothing kept', async () => {
    const path = join(tmpdir(), `log-output-${process.pid}-${files++}.pipe`);
    execFileSync('mkfifo', [path]);
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const log = new LogOutput(opened(path, constants.O_WRONLY | constants.O_NONBLOCK));
    closeSync(reader);
    log.write('lost\n');
    await new Promise<void>((resolve) => {
      log.flush(resolve);
    });
    log.write('lost, too\n');
    log.flushSync();
    let calledBack = false;
    log.flush(() => (calledBack = true));
    expect(calledBack).toBe(true);
  });
});

describe('a line that a pipe would not take whole', () => {
  const record = (fields: object) => ({ level: 'info', time: 't', pid: 1, ...fields, msg: 'text' });
  test.each<[string, object]>([
    ['a long text', { text: 'x'.repeat(50_000) }],
    ['a long text of characters with many bytes', { text: '\u0001€😀'.repeat(9000) }],
    ['many fields', Object.fromEntries(Array.from({ length: 900 }, (_, at) => [`field ${at}`, at]))],
    [
      'a deep error',
      {
        err: {
          type: 'Error',
          stack: 'x'.repeat(9000),
          cause: { stack: 'y'.repeat(9000), errors: Array(90).fill('z'.repeat(90)) },
        },
      },
    ],
    ['long names', { ['x'.repeat(9000)]: 1, ['y'.repeat(9000)]: 2 }],
    ['a long message', { msg: 'x'.repeat(50_000) }],
  ])('is shortened: %s', (_what, fields) => {
    const shorter = shortenLine(`${JSON.stringify({ ...record({}), ...fields })}\n`, 4096) ?? '';
    expect(Buffer.byteLength(shorter)).toBeLessThanOrEqual(4096);
    expect(shorter.indexOf('\n')).toBe(shorter.length - 1);
    expect(JSON.parse(shorter)).toMatchObject({
      level: 'info',
      time: 't',
      pid: 1,
      shortened: true,
      msg: expect.stringMatching(/^(?:text|x+)/),
    });
  });

  test('is left alone when it is no JSON object', () => {
    for (const line of ['text\n', '7\n', 'null\n', '{"a":\n'])
      expect(shortenLine(line, 4096)).toBeUndefined();
  });
});

import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { Company } from '../../src/features/companies/company.ts';
import { csv } from '../../src/features/companies/csv.ts';
import { readSeed } from '../../src/features/companies/open.ts';
import { MemoryCompanies } from '../../src/features/companies/repository.ts';
import { wrap } from '../../src/platform/http/index.ts';
import { until } from '../support/until.ts';
import { serve } from '../support/http.ts';

const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

const seed = readSeed();
const [apple] = seed as [Company];

/** Companies whose rows come from the generator. */
class Rows extends MemoryCompanies {
  override readonly rows: () => AsyncGenerator<Company>;

  constructor(rows: () => AsyncGenerator<Company>) {
    super([]);
    this.rows = rows;
  }
}

async function serveCsv(repository: MemoryCompanies) {
  const app = await serve((express) => {
    express.get('/companies.csv', wrap(csv(repository)));
  });
  closing.push(app.close);
  return { ...app, csvUrl: `${app.url}/companies.csv` };
}

async function ask(url: string): Promise<IncomingMessage> {
  const [response] = (await once(get(url), 'response')) as [IncomingMessage];
  response.on('error', () => undefined);
  return response;
}

describe('GET /companies.csv', () => {
  test('has a header and a line for each company, as a file to save', async () => {
    const { csvUrl } = await serveCsv(new MemoryCompanies(seed));
    const response = await fetch(csvUrl);
    expect(response.headers.get('content-type')).toBe('text/csv; charset=utf-8');
    expect(response.headers.get('content-disposition')).toBe('attachment; filename=companies.csv');
    const lines = (await response.text()).trimEnd().split('\n');
    expect(lines).toHaveLength(101);
    expect(lines[0]).toBe('id,name,country,city,sector,founded,website');
    expect(lines).toContain('1,Apple,US,Cupertino,Technology,1976,https://www.apple.com');
    expect(lines).toContainEqual(expect.stringContaining('São José dos Campos'));
  });

  test('quotes what needs it and disarms formulas', async () => {
    const companies = ['Comma, Inc.', 'Say "hi"', '=HYPERLINK("x")', '@cmd', '+1', '-1'];
    const rows = companies.map((name, index) => ({ ...apple, id: index + 1, name }));
    const { csvUrl } = await serveCsv(new MemoryCompanies(rows));
    const text = await (await fetch(csvUrl)).text();
    expect(text).toContain('\n1,"Comma, Inc.",');
    expect(text).toContain('\n2,"Say ""hi""",');
    expect(text).toContain(`\n3,"'=HYPERLINK(""x"")",`);
    for (const name of ["'@cmd", "'+1", "'-1"]) expect(text).toContain(`,${name},`);
  });

  test('sends the first rows while the last ones are not there yet', async () => {
    let finish: () => void = () => undefined;
    const later = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const { csvUrl } = await serveCsv(
      new Rows(async function* () {
        yield apple;
        await later;
        yield { ...apple, id: 2 };
      }),
    );
    const response = await ask(csvUrl);
    let text = '';
    response.on('data', (part: Buffer) => (text += part.toString()));
    await until(() => text.includes('\n1,Apple,'));
    expect(response.complete).toBe(false);
    finish();
    await once(response, 'end');
    expect(text).toContain('\n2,Apple,');
  });

  test('reads no faster than the client takes it, and stops when the client leaves', async () => {
    let read = 0;
    let stopped = false;
    const { csvUrl, server, log } = await serveCsv(
      // eslint-disable-next-line @typescript-eslint/require-await -- rows() is asynchronous
      new Rows(async function* () {
        try {
          for (;;) yield { ...apple, id: ++read };
        } finally {
          stopped = true;
        }
      }),
    );
    const connected = once(server, 'connection') as Promise<[Socket]>;
    const response = await ask(csvUrl);
    response.pause();
    const [socket] = await connected;
    // How much the buffers of the system take is up to the machine.
    await until(async () => {
      const readByThen = read;
      for (let turn = 0; turn < 100; turn++) await setImmediate();
      return socket.writableNeedDrain && read === readByThen;
    });
    expect(stopped).toBe(false);
    response.destroy();
    const [line] = await log.waitFor(1);
    expect(line).toMatchObject({ aborted: true, status: 200 });
    expect(stopped).toBe(true);
  });

  test('is a 500 when the first row fails, and a cut connection when a later one does', async () => {
    const failAfter = (rows: number) =>
      // eslint-disable-next-line @typescript-eslint/require-await -- rows() is asynchronous
      new Rows(async function* () {
        for (let id = 1; id <= rows; id++) yield { ...apple, id };
        throw new Error('the disk is on fire');
      });
    const atOnce = await serveCsv(failAfter(0));
    const response = await fetch(atOnce.csvUrl);
    expect(response.status).toBe(500);
    expect(response.headers.get('content-disposition')).toBeNull();
    const later = await serveCsv(failAfter(5000));
    await expect(fetch(later.csvUrl).then((answer) => answer.text())).rejects.toThrow();
    expect(await later.log.waitFor(1)).toMatchObject([{ err: { message: 'the disk is on fire' } }]);
  });

  test('HEAD returns the same headers and reads no more than a row or two', async () => {
    const { csvUrl } = await serveCsv(new MemoryCompanies(seed));
    const response = await fetch(csvUrl, { method: 'HEAD' });
    expect(response.headers.get('content-type')).toBe('text/csv; charset=utf-8');
    expect(await response.text()).toBe('');
  });
});

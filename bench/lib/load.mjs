import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Keep-alive clients at a time, unless a row says otherwise. */
export const CONNECTIONS = 32;

/** The client process. It runs on the Node the harness runs on, whatever the servers run on. */
export class Load {
  #child = fork(fileURLToPath(new URL('load-process.mjs', import.meta.url)));

  /**
   * Puts a load on a server and waits for its end.
   *
   * @param job.request - the request's bytes, as text.
   * @param job.milliseconds - how long; or `job.requests`, how many.
   * @param job.rate - requests a second that do not wait for each other; unset: as many as the server takes.
   * @param job.pool - the id of connections that are open already; then `milliseconds` is all that counts.
   */
  run({ connections = CONNECTIONS, milliseconds = 600_000, ...job }) {
    return this.#ask({ connections, milliseconds, ...job });
  }

  /**
   * Opens connections that stay open, for loads with this `pool`.
   *
   * @param options - those of `Pool`, and the `id` it gets.
   * @returns what came of the requests that opened them.
   */
  openPool(options) {
    return this.#ask({ open: options });
  }

  closePool(id) {
    return this.#ask({ close: id });
  }

  #ask(job) {
    this.#child.send(job);
    return new Promise((resolve, reject) => {
      const died = () => reject(new Error('the client process has died'));
      this.#child.once('message', (message) => {
        this.#child.off('exit', died);
        resolve(message);
      });
      this.#child.once('exit', died);
    });
  }

  get pid() {
    return this.#child.pid;
  }

  stop() {
    this.#child.disconnect();
  }
}

/** What browsers and proxies send, so that every variant reads as many headers as it would in production. */
const EVERY_REQUEST = {
  Host: 'bench.example',
  'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
  Accept: 'application/json, text/plain, */*',
  'Accept-Language': 'en-US,en;q=0.5',
  'Accept-Encoding': 'gzip, deflate, br',
};

/** What the proxies in deploy/ add. */
export const FROM_A_PROXY = {
  'X-Forwarded-For': '203.0.113.7',
  'X-Forwarded-Proto': 'https',
  'X-Forwarded-Host': 'bench.example',
};

/** A GET request's headers. */
export function headersOf({ cookie, proxied = true } = {}) {
  return { ...EVERY_REQUEST, ...(proxied && FROM_A_PROXY), ...(cookie && { Cookie: cookie }) };
}

/** A GET request's bytes. */
export function requestFor(path, headers) {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

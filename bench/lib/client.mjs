// The load: keep-alive connections that each send a request, read the whole answer and send the next. Sockets and not
// node:http, because the client must cost less than what it measures.
import { connect } from 'node:net';

const END_OF_HEAD = Buffer.from('\r\n\r\n');
const LAST_CHUNK = Buffer.from('\r\n0\r\n\r\n');

/** All connections read into it: what is in it is used up before the next one reads. 10,000 of them would need 600 MB. */
const READ_BUFFER = Buffer.allocUnsafe(65_536);

/** One connection. It measures answers by their head, so a wrong status or a cut body does not go unnoticed. */
export class Connection {
  #options;
  #socket;
  #sentAt = 0;
  #stopped = false;
  #busy = false;
  /** What came of a head that is not whole yet. */
  #head = Buffer.alloc(0);
  /** The answer that is being read: its status, and the bytes still to come (Infinity: chunks). */
  #status = 0;
  #left;
  #tail = Buffer.alloc(0);
  #closes = false;

  /**
   * @param options.request - the request's bytes.
   * @param options.onResponse - called with the status and the milliseconds it took.
   * @param options.onError - called when the connection broke with a request on it.
   * @param options.idle - whether it waits for `send` instead of sending again and again.
   */
  constructor(options) {
    this.#options = options;
    this.done = new Promise((resolve) => (this.settle = resolve));
    this.opened = new Promise((resolve) => (this.open = resolve));
    this.#open();
  }

  get isBusy() {
    return this.#busy;
  }

  /** @param request - the bytes of this one, where requests differ. */
  send(request = this.#options.request) {
    this.#busy = true;
    this.#sentAt = performance.now();
    this.#socket.write(request);
  }

  /** Ends it behind the answer that is under way. */
  stop() {
    this.#stopped = true;
    if (!this.#busy) this.#socket.destroy();
  }

  #open() {
    const { port } = this.#options;
    this.#left = undefined;
    this.#head = Buffer.alloc(0);
    const onread = { buffer: READ_BUFFER, callback: (size) => this.#read(READ_BUFFER.subarray(0, size)) };
    this.#socket = connect({ host: '127.0.0.1', port, noDelay: true, onread });
    this.#socket.once('connect', this.open);
    this.#socket.on('error', () => undefined);
    this.#socket.on('close', () => this.#closed());
    if (!this.#options.idle) this.send();
  }

  #read(bytes) {
    const body = this.#left === undefined ? this.#readHead(bytes) : bytes;
    if (this.#left === undefined) return true;
    if (this.#left === Infinity) {
      this.#tail = Buffer.concat([this.#tail, body.subarray(-LAST_CHUNK.length)]).subarray(
        -LAST_CHUNK.length,
      );
      if (this.#tail.equals(LAST_CHUNK)) this.#answered();
    } else {
      this.#left -= body.length;
      if (this.#left <= 0) this.#answered();
    }
    return true;
  }

  /** Reads an answer's head if it is whole, and gives back what is behind it. */
  #readHead(bytes) {
    const all = this.#head.length > 0 ? Buffer.concat([this.#head, bytes]) : bytes;
    const end = all.indexOf(END_OF_HEAD);
    if (end === -1) {
      this.#head = Buffer.from(all);
      return undefined;
    }
    const text = all.latin1Slice(0, end + 2);
    this.#status = Number(text.slice(9, 12));
    this.#left = lengthOf(text);
    this.#closes = /\r\nconnection: close\r\n/i.test(text);
    this.#head = this.#tail = Buffer.alloc(0);
    return all.subarray(end + END_OF_HEAD.length);
  }

  #answered() {
    const surplus = this.#left < 0;
    this.#left = undefined;
    this.#busy = false;
    if (surplus) throw new Error('an answer is longer than its Content-Length');
    this.#options.onResponse(this.#status, performance.now() - this.#sentAt);
    if (this.#stopped || this.#closes) this.#socket.destroy();
    else if (!this.#options.idle) this.send();
  }

  #closed() {
    if (this.#busy) this.#options.onError();
    this.#busy = false;
    if (this.#stopped) this.settle();
    else this.#open();
  }
}

function lengthOf(head) {
  const length = /\r\ncontent-length: (\d+)\r\n/i.exec(head);
  if (length) return Number(length[1]);
  if (/\r\ntransfer-encoding: chunked\r\n/i.test(head)) return Infinity;
  throw new Error(`an answer without a length:\n${head}`);
}

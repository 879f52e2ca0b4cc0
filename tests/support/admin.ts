import { once } from 'node:events';
import { request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import type { Live } from '../../src/platform/operations/contract.ts';

/** What a browser's page sends with an action, and what a program does. */
export interface AdminRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface AdminResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** Sends a request with exactly these headers: fetch would not let a test set all of them. */
export async function askAdmin(
  port: number,
  path: string,
  options: AdminRequest = {},
): Promise<AdminResponse> {
  const response = await openAdmin(port, path, options);
  return { status: response.statusCode ?? 0, headers: response.headers, text: await text(response) };
}

export async function openAdmin(
  port: number,
  path: string,
  { method = 'GET', headers = {}, body }: AdminRequest = {},
): Promise<IncomingMessage> {
  const sent = request({ host: '127.0.0.1', port, path, method, agent: false, headers });
  sent.end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return response;
}

/** An action as a program sends it. */
export async function act(port: number, token: string, action: string, body: object = {}) {
  const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' };
  const sent = { method: 'POST', headers, body: JSON.stringify(body) };
  const { status, text: reply } = await askAdmin(port, `/actions/${action}`, sent);
  return {
    status,
    ...(JSON.parse(reply) as { ok: boolean; result?: Record<string, unknown>; error?: string }),
  };
}

/** An open event stream, and what came so far. */
export class AdminStream {
  readonly #response: IncomingMessage;
  text = '';
  hasEnded = false;
  wasCut = false;

  private constructor(response: IncomingMessage) {
    this.#response = response;
    response.setEncoding('utf8').on('data', (chunk: string) => (this.text += chunk));
    response.on('end', () => (this.hasEnded = true));
    response.on('error', () => (this.wasCut = true));
  }

  static async open(port: number, token: string): Promise<AdminStream> {
    const response = await openAdmin(port, '/events', { headers: { Authorization: `Bearer ${token}` } });
    if (response.statusCode !== 200) throw new Error(`${String(response.statusCode)} for an event stream`);
    return new AdminStream(response);
  }

  /** The data of all events of a kind so far. */
  events(name: string): unknown[] {
    return this.text
      .split('\n\n')
      .slice(0, -1)
      .filter((event) => event.startsWith(`event: ${name}\n`))
      .map((event) => JSON.parse(event.slice(event.indexOf('data: ') + 6)) as unknown);
  }

  get live(): Live[] {
    return this.events('live') as Live[];
  }

  /** The newest; what every test may wait for. */
  get last(): Live | undefined {
    return this.live.at(-1);
  }

  close(): void {
    this.#response.destroy();
  }
}

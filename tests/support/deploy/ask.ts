import { once } from 'node:events';
import http, { type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import https from 'node:https';

export interface Question {
  /** With the address to connect to: `https://127.0.0.1:8443/path`. */
  readonly url: string;
  /** The Host header and the name in TLS; unset: the URL's. */
  readonly host?: string;
  /** Whom to trust. */
  readonly ca?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string;
  /** The client's own address, one of 127.0.0.0/8. */
  readonly from?: string;
}

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly text: string;
}

/** One request on a connection of its own. Unlike `fetch` it lets a test say Host, TLS name and its own address. */
export async function ask(question: Question): Promise<Reply> {
  const { url, host, ca, method = 'GET', headers = {}, body, from } = question;
  const { protocol, hostname, port, pathname, search } = new URL(url);
  const { request } = protocol === 'https:' ? https : http;
  const req = request({
    host: hostname,
    port,
    path: pathname + search,
    method,
    agent: false,
    // Proxies take more than Node's 16 KB.
    maxHeaderSize: 65_536,
    headers: { ...(host && { Host: host }), ...(headers as Record<string, string>) },
    ...(ca && { ca, servername: host }),
    ...(from && { localAddress: from }),
  });
  req.setTimeout(30_000, () => req.destroy(new Error(`${method} ${url}: no response in 30 s`)));
  req.end(body);
  const [res] = (await once(req, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of res) chunks.push(chunk as Buffer);
  const whole = Buffer.concat(chunks);
  return { status: res.statusCode ?? 0, headers: res.headers, body: whole, text: whole.toString() };
}

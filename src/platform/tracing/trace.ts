import { randomBytes } from 'node:crypto';
import type { Request as ExpressRequest, RequestHandler } from 'express';

interface Ids {
  /** Of the whole trace: 32 hexadecimal digits. */
  readonly traceId: string;
  /** Of this request in it: 16 hexadecimal digits. */
  readonly spanId: string;
}

/** A request's place in a trace over several systems. */
export interface Trace extends Ids {
  /** What a request to another system gets, so that it continues the trace. Empty where OpenTelemetry adds it. */
  readonly headers: Readonly<Record<string, string>>;
}

declare module 'http' {
  interface IncomingMessage {
    /** Behind `tracing`. */
    trace?: Trace;
  }
}

/** Version, trace, parent, flags. A later version may have more behind them. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(?:$|-)/;

/** What other systems must at least pass on, in characters. */
const MAX_TRACESTATE = 512;

/**
 * Gives each request a trace: the one of its `traceparent`, if a trusted proxy sent that, else a new one. The request's log
 * lines get its `traceId` and `spanId`. Mount it in front of `accessLog`: behind it, to add them takes a little longer.
 *
 * @param options.activeSpan - OpenTelemetry's span of the request: its ids are then the trace's, and it passes them on itself.
 * @see https://www.w3.org/TR/trace-context/
 */
export function tracing({ activeSpan }: { activeSpan?: () => Ids | undefined } = {}): RequestHandler {
  return (req, _res, next) => {
    const span = activeSpan?.();
    const trace = span ? { traceId: span.traceId, spanId: span.spanId, headers: {} } : traceOf(req);
    req.trace = trace;
    (req.log as typeof req.log | undefined)?.setBindings({ traceId: trace.traceId, spanId: trace.spanId });
    next();
  };
}

function traceOf(req: ExpressRequest): Trace {
  const { traceparent, tracestate = '' } = req.headers;
  const given = traceparent && fromTrustedProxy(req) ? parse(String(traceparent)) : undefined;
  const { traceId = randomHex(32), sampled = 0 } = given ?? {};
  const spanId = randomHex(16);
  const headers = { traceparent: `00-${traceId}-${spanId}-0${sampled}` };
  const passesState = given && tracestate.length > 0 && tracestate.length <= MAX_TRACESTATE;
  return { traceId, spanId, headers: passesState ? { ...headers, tracestate: String(tracestate) } : headers };
}

/** A new trace is not sampled: nothing is recorded here. */
function parse(traceparent: string): { traceId: string; sampled: number } | undefined {
  const [whole, traceId = '', flags = ''] = TRACEPARENT.exec(traceparent) ?? [];
  // Version 00 has nothing behind the flags.
  if (whole === undefined || (whole.startsWith('00') && whole !== traceparent)) return undefined;
  return { traceId, sampled: Number.parseInt(flags, 16) & 1 };
}

/** Whether the request came from a proxy that TRUST_PROXY names. */
export function fromTrustedProxy(req: ExpressRequest): boolean {
  const trusts = req.app.get('trust proxy fn') as (address: string | undefined, hop: number) => boolean;
  return trusts(req.socket.remoteAddress, 0);
}

/** 4 KB at a time: a call per id would cost ten times as much. */
let random = '';
let used = 0;

function randomHex(digits: number): string {
  if (used + digits > random.length) {
    random = randomBytes(4096).toString('hex');
    used = 0;
  }
  used += digits;
  return random.slice(used - digits, used);
}

/** `fetch` that continues the trace, and ends when `signal` fires. */
export async function tracedFetch(
  { trace, signal }: { trace: Trace | undefined; signal: AbortSignal },
  ...[input, init]: Parameters<typeof fetch>
): Promise<Response> {
  const request = new Request(input, init);
  for (const [name, value] of Object.entries(trace?.headers ?? {})) request.headers.set(name, value);
  return fetch(request, { signal: AbortSignal.any([request.signal, signal]) });
}

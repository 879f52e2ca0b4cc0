import express from 'express';
import { openEventStream, type EventStream } from '../../../src/platform/http/event-stream.ts';
import { Lifecycle } from '../../../src/platform/lifecycle/lifecycle.ts';
import { serve } from '../http.ts';

/** Text that is worth compressing, with a number that distinguishes one response from the next. */
function bigText(number: number): string {
  return `answer ${number} ${'the same words again and again '.repeat(200)}`;
}

/** What a test changes while the stub runs. */
export interface StubState {
  /** How often /api/items was asked. */
  asked: number;
  /** Its Cache-Control. */
  cacheControl: string;
  /** Its status. */
  status: number;
  /** Its responses wait for this. */
  gate: Promise<void>;
  /** The event streams that were opened. */
  streams: EventStream[];
}

/** An app in the test's own process: the real server around routes that the test controls. */
export async function startStub(env: Record<string, string> = {}) {
  const state: StubState = {
    asked: 0,
    cacheControl:
      'public, max-age=0, must-revalidate, s-maxage=60, stale-while-revalidate=300, stale-if-error=300',
    status: 200,
    gate: Promise.resolve(),
    streams: [],
  };
  const lifecycle = new Lifecycle();
  lifecycle.markReady();
  const served = await serve(
    (app) => {
      app.get('/readyz', (_req, res) => {
        res.json({ status: 'ready' });
      });
      // Worse than the app: it declares a personal response cacheable for all.
      app.get('/api/items', async (req, res) => {
        const number = ++state.asked;
        await state.gate;
        res.status(state.status).set('Cache-Control', state.cacheControl).type('text/plain');
        res.send(`${req.headers.cookie ?? req.headers.authorization ?? 'nobody'}: ${bigText(number)}`);
      });
      app.get('/api/items/:id', (req, res) => {
        res.json({ id: req.params.id });
      });
      app.post('/echo', express.json(), (req, res) => {
        res.json(req.body);
      });
      app.get('/request', (req, res) => {
        res.json({ ip: req.ip, secure: req.secure, host: req.host, headers: req.headers });
      });
      app.get('/headers/:kilobytes', (req, res) => {
        const count = Number(req.params.kilobytes);
        for (let index = 0; index < count; index++) res.set(`X-Header-${index}`, 'x'.repeat(1000));
        res.json({ port: req.socket.localPort });
      });
      app.get('/events', (req, res) => {
        state.streams.push(openEventStream(req, res, lifecycle));
      });
    },
    { TRUST_PROXY: 'loopback', ...env },
  );
  return { ...served, state };
}

export type Stub = Awaited<ReturnType<typeof startStub>>;

import http from 'node:http';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../until.ts';
import type { Probe } from './manifest.ts';
import type { Pod } from './pod.ts';

/** What came of a probe so far. */
interface Record {
  asked: number;
  /** In a row. */
  failures: number;
  last: string;
}

/** Sends a pod's probes as the kubelet does, and keeps what it would conclude from the responses. */
export class Kubelet {
  readonly #pod: Pod;
  readonly #stop = new AbortController();
  readonly #loops: Promise<void>[] = [];
  readonly readiness: Record = { asked: 0, failures: 0, last: '' };
  readonly liveness: Record = { asked: 0, failures: 0, last: '' };
  /** Whether the pod gets traffic. */
  isReady = false;
  /** How often it would have become "not ready" after it was. */
  lostReadiness = 0;
  /** How often the container would have been killed. */
  restarts = 0;

  private constructor(pod: Pod) {
    this.#pod = pod;
  }

  /**
   * Waits for the start-up probe, and then asks the two others until it is stopped.
   *
   * @throws {Error} when the start-up probe has failed as often as it may.
   */
  static async watch(pod: Pod): Promise<Kubelet> {
    const kubelet = new Kubelet(pod);
    await kubelet.#startUp(pod.container.startupProbe);
    const { readinessProbe, livenessProbe } = pod.container;
    kubelet.#loops.push(
      kubelet.#ask(readinessProbe, kubelet.readiness, (ok) => {
        if (kubelet.isReady && !ok) kubelet.lostReadiness++;
        kubelet.isReady = ok;
      }),
      kubelet.#ask(livenessProbe, kubelet.liveness, (ok) => {
        if (!ok) kubelet.restarts++;
      }),
    );
    await until(`${pod.name} is ready`, () => kubelet.isReady, { seconds: 30 });
    return kubelet;
  }

  /** Waits until each probe has been asked so often that it could have failed for good. */
  async askThrough(): Promise<void> {
    const { readinessProbe, livenessProbe } = this.#pod.container;
    const goals = [
      [this.readiness, this.readiness.asked + (readinessProbe?.failureThreshold ?? 3) + 1],
      [this.liveness, this.liveness.asked + (livenessProbe?.failureThreshold ?? 3) + 1],
    ] as const;
    await until(
      'every probe was asked through',
      () => goals.every(([record, goal]) => record.asked >= goal),
      {
        seconds: 120,
      },
    );
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#loops);
  }

  async #startUp(probe: Probe | undefined): Promise<void> {
    if (!probe) return;
    let last = '';
    for (let attempt = 0; attempt < (probe.failureThreshold ?? 3); attempt++) {
      const { ok, text } = await askOnce(this.#pod, probe);
      if (ok) return;
      last = text;
      await sleep((probe.periodSeconds ?? 10) * 1000);
    }
    throw new Error(`${this.#pod.name} does not start: ${last}\n${await this.#pod.log()}`);
  }

  async #ask(probe: Probe | undefined, record: Record, then: (ok: boolean) => void): Promise<void> {
    if (!probe) return;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const { ok, text } = await askOnce(this.#pod, probe);
      record.asked++;
      record.last = text;
      record.failures = ok ? 0 : record.failures + 1;
      if (ok) then(true);
      else if (record.failures % (probe.failureThreshold ?? 3) === 0) then(false);
      await sleep((probe.periodSeconds ?? 10) * 1000, undefined, { signal }).catch(() => undefined);
    }
  }
}

/** A connection of its own, the pod's address as Host, and any status from 200 to 399 is a success. */
async function askOnce(
  pod: Pod,
  { httpGet, tcpSocket, timeoutSeconds = 1 }: Probe,
): Promise<{ ok: boolean; text: string }> {
  const ms = timeoutSeconds * 1000;
  if (tcpSocket) return opens(pod.port(tcpSocket.port), ms);
  if (!httpGet) throw new Error('a probe of a kind that is not known here');
  const { path, port } = httpGet;
  const headers = {
    Host: `${pod.address}:${pod.containerPort(port)}`,
    'User-Agent': 'kube-probe/1.35',
    Accept: '*/*',
    Connection: 'close',
  };
  return new Promise((resolve) => {
    const req = http.get({ host: '127.0.0.1', port: pod.port(port), path, agent: false, headers });
    const timer = setTimeout(() => req.destroy(new Error('no response in time')), ms);
    const settle = (ok: boolean, text: string) => {
      clearTimeout(timer);
      resolve({ ok, text });
    };
    req.once('error', (error) => {
      settle(false, error.message);
    });
    req.once('response', (res) => {
      let body = '';
      res.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      res.once('error', (error) => {
        settle(false, error.message);
      });
      res.once('end', () => {
        const status = res.statusCode ?? 0;
        settle(status >= 200 && status < 400, `${status} ${body}`);
      });
    });
  });
}

async function opens(port: number, ms: number): Promise<{ ok: boolean; text: string }> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', timeout: ms });
    const settle = (ok: boolean, text: string) => {
      socket.destroy();
      resolve({ ok, text });
    };
    socket.once('connect', () => {
      settle(true, 'connected');
    });
    socket.once('timeout', () => {
      settle(false, 'no connection in time');
    });
    socket.once('error', (error) => {
      settle(false, error.message);
    });
  });
}

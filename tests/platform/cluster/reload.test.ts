import { describe, expect, test } from '@jest/globals';
import { BAD_SERVERS } from '../../support/cluster/releases.ts';
import { clusterSuite } from '../../support/cluster/suite.ts';

const suite = clusterSuite();

const NOTHING_LOST = { failed: 0, reset: 0, hung: 0, first: [] };

describe('a rolling reload', () => {
  test('loses no request of keep-alive, single-connection and thinking clients, GET and POST', async () => {
    const cluster = await suite.start({ env: { LINGER_SECONDS: '1' } });
    const before = await cluster.workers();
    const load = await suite.load(cluster);
    for (let round = 0; round < 3; round++) {
      expect(await cluster.control('reload')).toMatchObject({ ok: true });
      await load.answers(200);
    }
    await cluster.untilStatus('the old workers have stopped', ({ workers }) => workers.length === 2);
    const { ok, ...lost } = await load.end();
    expect(lost).toEqual(NOTHING_LOST);
    expect(ok).toBeGreaterThan(1000);
    const slots = (await cluster.status()).workers.map(({ slot }) => slot);
    expect(slots).toEqual([0, 1]);
    expect((await cluster.workers()).filter((pid) => before.includes(pid))).toEqual([]);
  }, 90_000);

  test('keeps the old workers when the new release fails, and loads the next good one', async () => {
    const releases = await suite.host();
    const cluster = await suite.start({ releases, env: { BOOT_TIMEOUT_SECONDS: '4', LINGER_SECONDS: '1' } });
    const before = await cluster.workers();
    const load = await suite.load(cluster, [{ count: 4, path: '/test/pid', thinkMs: 50 }]);
    for (const [name, server] of Object.entries(BAD_SERVERS)) {
      await releases.deploy(name, { server });
      expect(await cluster.control('reload')).toMatchObject({ ok: false });
      await load.answers(20);
      expect([name, await cluster.workers()]).toEqual([name, before]);
    }
    await cluster.logged('reload aborted; the old workers stay', { times: Object.keys(BAD_SERVERS).length });
    await releases.deploy('second');
    expect(await cluster.control('reload')).toMatchObject({ ok: true });
    await cluster.untilStatus('the old workers have stopped', ({ workers }) => workers.length === 2);
    expect(await cluster.json('/test/pid')).toMatchObject({ release: 'second' });
    const { ok: _, ...lost } = await load.end();
    expect(lost).toEqual(NOTHING_LOST);
  }, 120_000);

  test('by SIGHUP loads the release that "current" points to; a second and a third HUP are one more reload', async () => {
    const releases = await suite.host();
    const cluster = await suite.start({ releases });
    await releases.deploy('second');
    cluster.signal('SIGHUP');
    await cluster.untilStatus('it reloads', ({ state }) => state === 'reloading');
    for (let time = 0; time < 2; time++) {
      cluster.signal('SIGHUP');
      await cluster.logged('reload requested', { times: time + 2 });
    }
    await cluster.logged('reloaded', { times: 2 });
    const { generation, counts } = await cluster.untilStatus('it serves again', ({ state, workers }) => {
      return state === 'serving' && workers.length === 2;
    });
    expect({ generation, reloads: counts.reloads }).toEqual({ generation: 3, reloads: 2 });
    expect(await cluster.json('/test/pid')).toMatchObject({ release: 'second' });
  }, 60_000);

  test('is aborted by SIGTERM, with the one that is queued; all workers stop, new and old', async () => {
    const cluster = await suite.start();
    const reloads = [cluster.control('reload'), cluster.control('reload')];
    await cluster.logged('reload requested', { times: 2 });
    await cluster.untilStatus('a new worker boots', ({ workers }) => workers.length > 2);
    cluster.signal('SIGTERM');
    for (const reload of reloads) {
      expect(await reload).toMatchObject({ ok: false, error: expect.stringContaining('stopping') });
    }
    expect(await cluster.exit()).toEqual({ code: 0, signal: null });
  }, 60_000);

  test('is not aborted by a SIGHUP to the whole process group, which hits workers that boot', async () => {
    const cluster = await suite.start();
    const reload = cluster.control('reload');
    await cluster.untilStatus('a new worker boots', ({ workers }) => workers.length > 2);
    cluster.signalGroup('SIGHUP');
    expect(await reload).toMatchObject({ ok: true });
    await cluster.logged('reloaded', { times: 2 });
  }, 60_000);

  test('a slow upload, an event stream and a download survive it', async () => {
    const cluster = await suite.start({ env: { WEB_CONCURRENCY: '1' } });
    const events = await fetch(`${cluster.url}/test/events`);
    const download = await fetch(`${cluster.url}/test/download`);
    const upload = fetch(`${cluster.url}/test/upload`, {
      method: 'POST',
      duplex: 'half',
      body: ReadableStream.from(slowly(20)),
    });
    const reload = cluster.control('reload');
    // The stream ends cleanly when its worker has no other request left; the browser then connects anew.
    expect(await events.text()).toContain('event: hello');
    expect(await download.text()).toHaveLength(20_000);
    expect(await (await upload).json()).toEqual({ bytes: 20_000 });
    expect(await reload).toMatchObject({ ok: true });
  }, 60_000);
});

async function* slowly(parts: number): AsyncGenerator<Uint8Array> {
  for (let part = 0; part < parts; part++) {
    await new Promise((resolve) => setTimeout(resolve, 150));
    yield new Uint8Array(1000).fill(120);
  }
}

import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { PASSWORD } from '../support/deploy/app-host.ts';
import { ask } from '../support/deploy/ask.ts';
import { buildImage, describeWithDocker, docker, useContainers } from '../support/deploy/docker.ts';
import { IMAGES, inspect, projectCopy } from '../support/deploy/docker-project.ts';
import { ClusterService } from '../support/deploy/kubernetes/cluster-service.ts';
import { Kubelet } from '../support/deploy/kubernetes/kubelet.ts';
import { describeWithKubernetes } from '../support/deploy/kubernetes/lab.ts';
import { one, type Manifest } from '../support/deploy/kubernetes/manifest.ts';
import { Overlays } from '../support/deploy/kubernetes/overlay.ts';
import { Pod } from '../support/deploy/kubernetes/pod.ts';
import { Load } from '../support/deploy/load.ts';
import type { WorkFolder } from '../support/deploy/render.ts';
import { until } from '../support/deploy/until.ts';

const NAME = `kubernetes-test-${process.pid}`;
/** A network that is reserved for documentation: https://www.rfc-editor.org/rfc/rfc5737 */
const SUBNET = '203.0.113';

describeWithKubernetes('the pods of deploy/kubernetes', (lab) => {
  describeWithDocker('run by Docker as they are rendered', () => {
    let folder: WorkFolder;
    let manifests: Manifest[];
    let redis: Pod;
    const pods = new Set<Pod>();
    const kubelets = new Set<Kubelet>();
    let addresses = 1;

    beforeAll(async () => {
      folder = await projectCopy();
      await buildImage(folder, 'app', IMAGES.app);
      await useContainers();
      manifests = await render();
      await docker(['network', 'create', '--subnet', `${SUBNET}.0/24`, NAME]);
      redis = await start('StatefulSet', 'redis', 'redis:7-bookworm', ['--network-alias', 'redis']);
      kubelets.add(await Kubelet.watch(redis));
    }, 900_000);
    afterEach(() => docker(['unpause', redis.name]).catch(() => undefined));
    afterAll(async () => {
      for (const kubelet of kubelets) await kubelet.stop();
      for (const pod of pods) await pod.remove();
      await docker(['network', 'rm', NAME]);
      await folder.remove();
    }, 120_000);

    /** The trial: it has all that production has, and a Redis. */
    async function render(setting = 'MAX_LOOP_DELAY_MS=0'): Promise<Manifest[]> {
      const overlays = await Overlays.create();
      try {
        await overlays.makeSecrets('trial');
        // A busy machine must not fail the load: shedding has tests of its own.
        const file = 'overlays/trial/kustomization.yaml';
        overlays.folder.change(file, ['- TRUST_PROXY=off', `- TRUST_PROXY=off\n      - ${setting}`]);
        return await lab.render(overlays.path('trial'));
      } finally {
        await overlays.folder.remove();
      }
    }

    async function start(kind: string, name: string, image: string, options: string[] = []): Promise<Pod> {
      const address = `${SUBNET}.${++addresses}`;
      const place = { name: `${NAME}-${addresses}`, address, network: NAME, image, folder, options };
      const pod = await Pod.start(one(manifests, kind, name), manifests, place);
      pods.add(pod);
      return pod;
    }

    async function startApp(): Promise<{ pod: Pod; kubelet: Kubelet }> {
      const pod = await start('Deployment', 'app', IMAGES.app);
      const kubelet = await Kubelet.watch(pod);
      kubelets.add(kubelet);
      return { pod, kubelet };
    }

    /** As Kubernetes does it: out of the Service and preStop begin together, SIGTERM comes after preStop. */
    async function remove(pod: Pod, kubelet: Kubelet, service: ClusterService, { preStop = true } = {}) {
      const seconds = preStop ? (pod.container.lifecycle?.preStop?.sleep?.seconds ?? 0) : 0;
      // Half of preStop, until every node has the new endpoints.
      const propagated = sleep(2500).then(() => {
        service.remove(pod.port('http'));
      });
      await sleep(seconds * 1000);
      kubelets.delete(kubelet);
      await kubelet.stop();
      const end = await pod.terminate();
      await propagated;
      return end;
    }

    const login = async (url: string) => {
      const { status, headers } = await ask({
        url: `${url}/api/session`,
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ name: 'ada', password: PASSWORD }),
      });
      expect(status).toBe(201);
      return headers['set-cookie']?.[0]?.split(';', 1)[0] ?? '';
    };

    test('start, as a user without rights and within their memory', async () => {
      const { pod } = await startApp();
      const status = await docker(['exec', pod.name, 'cat', '/proc/1/status']);
      expect(await docker(['exec', pod.name, 'cat', '/proc/1/cmdline'])).toMatch(/^node\0/);
      expect(status).toMatch(/^Uid:\s+1000\s/m);
      expect(status).toMatch(/^Groups:\s+1000\s*$/m);
      expect(status).toMatch(/^CapEff:\s+0+$/m);
      expect(status).toMatch(/^NoNewPrivs:\s+1$/m);
      expect(status).toMatch(/^Seccomp:\s+2$/m);
      expect(await inspect(pod.name, 'HostConfig.Memory')).toBe(384 * 1024 * 1024);
      await expect(docker(['exec', pod.name, 'touch', '/app/x'])).rejects.toThrow(/Read-only/);
      await docker(['exec', pod.name, 'touch', '/tmp/x']);
      const secret = await docker([
        'exec',
        pod.name,
        'stat',
        '--format',
        '%a %u %g',
        '/run/secrets/app/redis-url',
      ]);
      expect(secret).toBe('440 0 1000');
    });

    test('end at once with 78 where a setting is wrong, and never get traffic', async () => {
      const broken = await render('DRAIN_TIMEOUT_SECONDS=soon');
      const address = `${SUBNET}.${++addresses}`;
      const place = { name: `${NAME}-${addresses}`, address, network: NAME, image: IMAGES.app, folder };
      const pod = await Pod.start(one(broken, 'Deployment', 'app'), broken, place);
      pods.add(pod);
      expect(await docker(['wait', pod.name])).toBe('78');
      await expect(Kubelet.watch(pod)).rejects.toThrow('does not start');
    }, 120_000);

    test('serve metrics to those who ask by the address of the pod', async () => {
      const { pod } = await startApp();
      const url = `http://127.0.0.1:${pod.port('metrics')}/metrics`;
      const host = `${pod.address}:9464`;
      const token = await docker(['exec', pod.name, 'cat', '/run/secrets/app/admin-token']);
      const headers = { Authorization: `Bearer ${token}` };
      const { status, text } = await ask({ url, host, headers });
      expect(status).toBe(200);
      expect(text).toContain('redis_up 1');
      expect((await ask({ url, host })).status).toBe(401);
      expect((await ask({ url, host: 'app-metrics:9464', headers })).status).toBe(421);
    });

    test('stay alive and ready while Redis is killed, and while it hangs', async () => {
      const { pod, kubelet } = await startApp();
      for (const [away, back] of [
        [
          ['kill', redis.name],
          ['start', redis.name],
        ],
        [
          ['pause', redis.name],
          ['unpause', redis.name],
        ],
      ] as const) {
        await docker(away);
        await until('the app has noticed', () => kubelet.readiness.last.includes('degraded'), {
          seconds: 60,
        });
        await kubelet.askThrough();
        expect(kubelet).toMatchObject({ isReady: true, lostReadiness: 0, restarts: 0 });
        expect((await ask({ url: `http://127.0.0.1:${pod.port('http')}/` })).status).toBe(200);
        await docker(back);
        await until('Redis is back', () => kubelet.readiness.last.includes('"up"'), { seconds: 60 });
      }
    }, 400_000);

    test('are replaced one after the other under load without a lost request', async () => {
      const service = await ClusterService.start();
      let old = [await startApp(), await startApp()];
      for (const { pod } of old) service.add(pod.port('http'));
      const cookie = await login(service.url);
      const headers = { Cookie: cookie };
      const json = { ...headers, 'Content-Type': 'application/json' };
      const requests = [
        { path: '/' },
        { path: '/api/session', headers, contains: 'ada' },
        { path: '/api/items' },
        { path: '/api/items/7', method: 'PATCH', headers: json, body: JSON.stringify({ city: 'Lima' }) },
      ];
      const loads = [true, false].map(
        (keepAlive) => new Load({ url: service.url, requests, lanes: 4, keepAlive }),
      );
      const ends: { exitCode: number; seconds: number }[] = [];
      try {
        for (const { pod, kubelet } of old.slice()) {
          for (const load of loads) await load.goOn(100);
          // maxSurge 1, maxUnavailable 0: the new one is ready before the old one goes.
          const fresh = await startApp();
          service.add(fresh.pod.port('http'));
          for (const load of loads) await load.goOn(100);
          ends.push(await remove(pod, kubelet, service));
          old = [...old, fresh];
        }
        for (const load of loads) await load.goOn(100);
        const results = await Promise.all(loads.map((load) => load.stop()));
        const sum = (of: 'sent' | 'failed' | 'wrong' | 'retried') =>
          results.reduce((total, result) => total + result[of], 0);
        const took = ends.map(({ seconds }) => seconds.toFixed(1)).join(' and ');
        process.stderr.write(
          `two pods replaced: ${sum('failed')} of ${sum('sent')} requests lost, ${sum('retried')} retried; they took ${took} s to end\n`,
        );
        expect(results.flatMap(({ failures }) => failures)).toEqual([]);
        expect(sum('failed') + sum('wrong')).toBe(0);
        expect(ends.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
      } finally {
        for (const load of loads) load.kill();
        service.close();
      }
    }, 400_000);

    test('lose requests without preStop, which shows that the load would see it', async () => {
      const service = await ClusterService.start();
      const [first, second] = [await startApp(), await startApp()];
      for (const { pod } of [first, second]) service.add(pod.port('http'));
      const load = new Load({ url: service.url, requests: [{ path: '/' }], keepAlive: false });
      try {
        await load.goOn(100);
        await remove(first.pod, first.kubelet, service, { preStop: false });
        const { failed, sent } = await load.stop();
        process.stderr.write(`without preStop: ${failed} of ${sent} requests lost\n`);
        expect(failed).toBeGreaterThan(0);
      } finally {
        load.kill();
        service.close();
      }
    }, 200_000);
  });
});

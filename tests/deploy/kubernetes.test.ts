import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { loadConfig, type Config } from '../../src/config.ts';
import { stopTimeoutSeconds } from '../../src/platform/supervisor/policy.ts';
import { AppHost } from '../support/deploy/app-host.ts';
import { ask } from '../support/deploy/ask.ts';
import { describeWithKubernetes } from '../support/deploy/kubernetes/lab.ts';
import {
  containerOf,
  decoded,
  ofKind,
  one,
  workloadsOf,
  type Manifest,
  type Workload,
} from '../support/deploy/kubernetes/manifest.ts';
import { Overlays } from '../support/deploy/kubernetes/overlay.ts';
import { brokenRules, environmentOf, filesOf, probePaths } from '../support/deploy/kubernetes/rules.ts';
import { schemaErrors } from '../support/deploy/kubernetes/schema.ts';

/** Overlays, and what they may choose. */
const VARIANTS: readonly { overlay: string; components: readonly string[] }[] = [
  { overlay: 'production', components: [] },
  { overlay: 'production', components: ['metrics', 'service-monitor'] },
  { overlay: 'production', components: ['metrics', 'gateway'] },
  { overlay: 'trial', components: [] },
];

/** One wrong word each, as one types it: what the schema must find. */
const TYPOS = [
  ['maxUnavailable":0', 'maxUnavailble":0'],
  ['"maxUnavailable":1', '"maxUnavailable":true'],
  ['readOnlyRootFilesystem', 'readOnlyRootFileSystem'],
  ['"containerPort":3000', '"containerPort":"3000"'],
  ['"runAsUser":1000', '"runAsUser":"1000"'],
  ['"runAsNonRoot":true', '"runAsNonRoot":"true"'],
  ['"memory":"384Mi"', '"memory":"384MB"'],
  ['"cpu":"500m"', '"cpu":"500 m"'],
  ['"type":"RollingUpdate"', '"type":"rollingUpdate"'],
  ['"protocol":"UDP"', '"protocol":"udp"'],
  ['"pathType":"Prefix"', '"pathType":"prefix"'],
  ['"ScheduleAnyway"', '"ScheduleAnyWay"'],
  ['"drop":["ALL"]', '"drops":["ALL"]'],
  ['"drop":["ALL"]', '"drop":"ALL"'],
  ['topologySpreadConstraints', 'topologySpreadConstraint'],
  ['"policyTypes":["Ingress","Egress"]', '"policyTypes":["Ingress","egress"]'],
  ['"averageUtilization":70', '"averageUtilization":"70%"'],
  ['"terminationGracePeriodSeconds":40', '"terminationGracePeriodSeconds":"40s"'],
  ['"fieldPath"', '"fieldpath"'],
  ['"AlwaysAllow"', '"Always"'],
  ['"sleep":{"seconds":5}', '"sleep":{"second":5}'],
  ['"httpGet":{"path":"/livez"', '"httpget":{"path":"/livez"'],
  ['"seccompProfile":{"type":"RuntimeDefault"}', '"seccompProfile":{"type":"runtime/default"}'],
  ['"matchLabelKeys":["pod-template-hash"]', '"matchLabelKeys":"pod-template-hash"'],
  ['"defaultMode":288', '"defaultMode":"0440"'],
  ['"secretName":"app-secrets', '"name":"app-secrets'],
  ['"minReplicas":3', '"minReplica":3'],
  ['"jobLabel"', '"joblabel"'],
  ['"interval":"15s"', '"interval":"15 s"'],
  ['"kind":"PodDisruptionBudget"', '"kind":"PodDisruptionBudgets"'],
  ['"apiVersion":"autoscaling/v2","kind"', '"apiVersion":"autoscaling/v3","kind"'],
  ['"selector":{"matchLabels":{"app.kubernetes.io/name":"app"}},"strategy"', '"strategy"'],
  ['"clusterIP":"None"', '"clusterIp":"None"'],
  ['"type":"PathPrefix"', '"type":"Prefix"'],
] as const;

/** What every schema takes: which rule finds it. */
const FAULTS = [
  ['autoscaling/v2', 'autoscaling/v2beta2', 'autoscaling/v2beta2 is not served'],
  [
    '"selector":{"app.kubernetes.io/name":"app"}',
    '"selector":{"app.kubernetes.io/name":"ap"}',
    'selects no pod',
  ],
  [
    '"selector":{"matchLabels":{"app.kubernetes.io/name":"app"}},"strategy"',
    '"selector":{"matchLabels":{"app":"app"}},"strategy"',
    'does not select its own pods',
  ],
  [
    '"labelSelector":{"matchLabels":{"app.kubernetes.io/name":"app"}}',
    '"labelSelector":{"matchLabels":{"app":"app"}}',
    'spread by the labels',
  ],
  [
    '"podSelector":{"matchLabels":{"app.kubernetes.io/name":"app"}}',
    '"podSelector":{"matchLabels":{"app.kubernetes.io/name":"api"}}',
    'selects no pod',
  ],
  ['"kind":"Deployment","name":"app"}', '"kind":"Deployment","name":"api"}', 'scales nothing'],
  [
    '"app.kubernetes.io/component":"metrics","app.kubernetes.io/name":"app"}}',
    '"app.kubernetes.io/component":"metric","app.kubernetes.io/name":"app"}}',
    'selects not one Service',
  ],
  ['"targetPort":"http"', '"targetPort":"web"', 'no pod opens web'],
  ['"port":"http","protocol":"TCP"', '"port":8080,"protocol":"TCP"', 'no pod opens 8080'],
  [
    '"service":{"name":"app","port":{"name":"http"}}',
    '"service":{"name":"app","port":{"name":"web"}}',
    'does not reach app',
  ],
  [
    '"path":"/livez","port":"http"',
    '"path":"/livez","port":8080',
    'asks a port that the container does not open',
  ],
  ['"PORT":"3000"', '"PORT":"8080"', 'listens on 8080'],
  ['"path":"/livez"', '"path":"/readyz"', 'is restarted when it is not ready'],
  ['"runAsNonRoot":true', '"runAsNonRoot":false', 'may be root'],
  ['"seccompProfile":{"type":"RuntimeDefault"}', '"seccompProfile":{"type":"Unconfined"}', 'seccomp'],
  ['"allowPrivilegeEscalation":false', '"allowPrivilegeEscalation":true', 'may get more rights'],
  ['"drop":["ALL"]', '"drop":["NET_RAW"]', 'has capabilities'],
  ['"drop":["ALL"]', '"drop":["ALL"],"add":["NET_BIND_SERVICE"]', 'has capabilities'],
  ['"enableServiceLinks":false', '"hostNetwork":true', "node's namespaces"],
  ['"emptyDir":{"sizeLimit":"256Mi"}', '"hostPath":{"path":"/tmp"}', 'a volume of the node'],
  ['"readOnlyRootFilesystem":true', '"readOnlyRootFilesystem":false', 'can change its own files'],
  ['"automountServiceAccountToken":false,"containers"', '"containers"', 'a token for the API'],
  ['/run/secrets/app/admin-token', '/run/secrets/app/token', 'ADMIN_TOKEN_FILE is no file of the pod'],
  ['"TRUST_PROXY"', '"TRUST_PROXI"', 'TRUST_PROXI is no setting'],
  ['"ADMIN_HOST"', '"METRICS_HOST"', 'METRICS_HOST is no setting'],
  ['/run/secrets/app/users', '/run/secrets/app/user', 'USERS_FILE is no file of the pod'],
  ['"PORT":"3000"', '"PORT":"3000","SESSION_SECRETS":"x"', 'has a secret: SESSION_SECRETS'],
  ['"PORT":"3000"', '"PORT":"3000","HOST":"redis://app:pass@10.0.0.1"', 'has a secret: HOST'],
  [
    '"configMapRef":{"name":"app-config-',
    '"configMapRef":{"name":"app-settings-',
    'there is no ConfigMap/app-settings',
  ],
  ['"serviceAccountName":"app"', '"serviceAccountName":"api"', 'there is no ServiceAccount/api'],
  ['"mountPath":"/tmp","name":"tmp"', '"mountPath":"/tmp","name":"temp"', 'there is no volume temp'],
  ['"maxUnavailable":0', '"maxUnavailable":1', 'loses pods in an update'],
  ['"limits":{"memory"', '"limits":{"cpu":"1","memory"', 'is throttled'],
  ['"limits":{"memory":"384Mi"}', '"limits":{"memory":"512Mi"}', 'promises other memory'],
  ['registry.example.com/app:1.0.0', 'registry.example.com/app:latest', 'an image without a version'],
] as const;

describeWithKubernetes('deploy/kubernetes', (lab) => {
  let overlays: Overlays;
  let rendered: Manifest[][];
  const trial = () => rendered.at(-1) ?? [];
  /** With a ServiceMonitor and with an Ingress. */
  const production = () => rendered[1] ?? [];

  beforeAll(async () => {
    overlays = await Overlays.create();
    overlays.writeSecret('production', 'redis-url', 'rediss://app:only-for-tests@10.0.0.1:6379\n');
    for (const name of ['production', 'trial']) await overlays.makeSecrets(name);
    rendered = [];
    for (const variant of VARIANTS) rendered.push(await render(variant));
  }, 60_000);
  afterAll(() => overlays.folder.remove());

  async function render({ overlay, components }: (typeof VARIANTS)[number]): Promise<Manifest[]> {
    const copy = await Overlays.create();
    try {
      copy.takeSecrets(overlays, overlay);
      if (components.length > 0) copy.choose(overlay, ...components);
      return await lab.render(copy.path(overlay));
    } finally {
      await copy.folder.remove();
    }
  }

  /** A rendered overlay with one text of it replaced by another. */
  function changed(manifests: readonly Manifest[], from: string, to: string): Manifest[] {
    const text = JSON.stringify(manifests);
    if (!text.includes(from)) throw new Error(`nothing has ${from}`);
    return JSON.parse(text.replaceAll(from, to)) as Manifest[];
  }

  test('has nothing that the schema refuses, in any variant', () => {
    expect(schemaErrors(lab, rendered)).toEqual(VARIANTS.map(() => []));
  });

  test('the schema finds every typo of a list', () => {
    const all = [...production(), ...(rendered[2] ?? [])];
    const lists = TYPOS.map(([from, to]) => changed(all, from, to));
    const found = schemaErrors(lab, lists).map((errors, index) => [TYPOS[index]?.[1], errors.length > 0]);
    expect(found).toEqual(TYPOS.map(([, to]) => [to, true]));
  });

  test('breaks no rule, in any variant', () => {
    expect(rendered.map(brokenRules)).toEqual(VARIANTS.map(() => []));
  });

  test.each(FAULTS)('the rules find %s as %s', (from, to, message) => {
    expect(brokenRules(changed(production(), from, to)).join('\n')).toContain(message);
  });

  test('probes ask for what the app has', async () => {
    const host = await AppHost.start();
    try {
      const statusOf = async (path: string) => (await ask({ url: `${host.url}${path}` })).status;
      const paths = probePaths(production());
      expect(paths).toEqual(['/livez', '/readyz']);
      expect(await Promise.all(paths.map(statusOf))).toEqual([200, 200]);
      // And nothing else would do: the test sees a path that is not there.
      expect(await statusOf('/healthz')).toBe(404);
    } finally {
      await host.stop();
    }
  });

  /** The configuration as the app in the pod would read it. */
  function configOf(manifests: readonly Manifest[]): Config {
    const { spec } = (one(manifests, 'Deployment', 'app').spec as Workload).template;
    for (const [path, text] of filesOf(spec, manifests)) {
      mkdirSync(dirname(overlays.folder.join('pod', path)), { recursive: true });
      writeFileSync(overlays.folder.join('pod', path), text);
    }
    const env = Object.entries(environmentOf(containerOf(spec), manifests)).map(([key, value]) => [
      key,
      key.endsWith('_FILE') ? overlays.folder.join('pod', value) : value,
    ]);
    return loadConfig(
      { ...(Object.fromEntries(env) as Record<string, string>), ADMIN_HOST: '10.1.2.3' },
      '/nonexistent/.env',
      '/nonexistent/development-secrets.json',
    );
  }

  test.each([
    ['production', production],
    ['trial', trial],
  ])('the app starts with the settings of %s', (_name, manifests) => {
    const config = configOf(manifests());
    expect(config).toMatchObject({ NODE_ENV: 'production', STORE: 'redis', USERS: [] });
    expect(config.SESSION_SECRETS[0]?.length).toBeGreaterThanOrEqual(64);
    expect(config.ADMIN_TOKEN?.length).toBeGreaterThanOrEqual(64);
  });

  test.each([
    ['production', production],
    ['trial', trial],
  ])('%s gives pods more time to end than they take', (_name, manifests) => {
    const config = configOf(manifests());
    const { spec } = (one(manifests(), 'Deployment', 'app').spec as Workload).template;
    const preStop = containerOf(spec).lifecycle?.preStop?.sleep?.seconds ?? 0;
    expect(preStop).toBeGreaterThanOrEqual(5);
    expect(spec.terminationGracePeriodSeconds).toBeGreaterThan(preStop + stopTimeoutSeconds(config));
  });

  test('a changed setting or secret gets another name, so that it is a rollout', async () => {
    const other = await Overlays.create();
    try {
      other.writeSecret('production', 'redis-url', 'redis://10.0.0.1');
      await other.makeSecrets('production');
      other.folder.change('base/app.env', ['ADMIN_PORT=9464', 'ADMIN_PORT=9465']);
      const after = await lab.render(other.path('production'));
      const namesIn = (manifests: readonly Manifest[]) => {
        const { spec } = (one(manifests, 'Deployment', 'app').spec as Workload).template;
        return [containerOf(spec).envFrom?.[0]?.configMapRef?.name, spec.volumes?.[0]?.secret?.secretName];
      };
      expect(namesIn(after)).toEqual([
        expect.stringMatching(/^app-config-\w{10}$/),
        expect.stringMatching(/^app-secrets-\w{10}$/),
      ]);
      for (const name of namesIn(after)) expect(namesIn(production())).not.toContain(name);
    } finally {
      await other.folder.remove();
    }
  });

  test('a secret that is missing stops it before anything is applied, with the name of the file', async () => {
    const fresh = await Overlays.create();
    try {
      await expect(lab.render(fresh.path('production'))).rejects.toThrow('secrets/session-secrets');
      await expect(fresh.makeSecrets('production')).rejects.toThrow(/redis-url is missing/);
      await expect(lab.render(fresh.path('production'))).rejects.toThrow('secrets/redis-url');
      await expect(fresh.makeSecrets('staging')).rejects.toThrow('staging');
    } finally {
      await fresh.folder.remove();
    }
  });

  test('secrets that are there stay when secrets.sh runs again', async () => {
    const before = overlays.readSecret('trial', 'session-secrets');
    await overlays.makeSecrets('trial');
    expect(overlays.readSecret('trial', 'session-secrets')).toBe(before);
    const url = decoded(one(trial(), 'Secret', 'app-secrets'))['redis-url'];
    const auth = decoded(one(trial(), 'Secret', 'redis-auth'))['auth.conf'];
    expect(url).toBe(`redis://:${auth?.replace('requirepass ', '').trim() ?? ''}@redis:6379`);
  });

  test('Prometheus gets the token of the pods, by the whole name of their Secret', () => {
    const [monitor] = ofKind(production(), 'ServiceMonitor');
    const { endpoints } = monitor?.spec as { endpoints: { authorization: unknown }[] };
    const { name } = one(production(), 'Secret', 'app-secrets').metadata;
    expect(name).toMatch(/^app-secrets-\w{10}$/);
    expect(endpoints.map(({ authorization }) => authorization)).toEqual([
      { credentials: { name, key: 'admin-token' } },
    ]);
  });

  test('the Gateway stands in place of the Ingress', () => {
    const [, , gateway = []] = rendered;
    expect(ofKind(gateway, 'Ingress')).toEqual([]);
    expect(ofKind(gateway, 'HTTPRoute')).toHaveLength(1);
  });

  test('nothing of the trial is in production', () => {
    expect(workloadsOf(production()).map(({ name }) => name)).toEqual(['app']);
    expect(workloadsOf(trial()).map(({ name }) => name)).toEqual(['app', 'redis']);
  });
});

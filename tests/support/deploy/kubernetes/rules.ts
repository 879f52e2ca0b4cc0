import { CONFIG_KEYS } from '../../../../src/config.ts';
import {
  containerOf,
  decoded,
  ofKind,
  workloadsOf,
  type Container,
  type Labels,
  type Manifest,
  type PodSpec,
  type Port,
  type Probe,
  type Selector,
  type Workload,
} from './manifest.ts';

/** What no schema sees. Each rule returns what breaks it, in words. */
type Rule = (manifests: readonly Manifest[]) => string[];

const EVERY_RULE: readonly Rule[] = [
  apisAreServed,
  selectorsMatch,
  servicesReachPorts,
  ingressesReachServices,
  referencesExist,
  probesHitOpenPorts,
  livenessAsksNoDependency,
  podsAreRestricted,
  settingsExist,
  noSecretInAConfigMap,
  updatesTakeNothingAway,
  resourcesAreSaid,
];

export const brokenRules = (manifests: readonly Manifest[]): string[] =>
  EVERY_RULE.flatMap((rule) => rule(manifests));

const matches = ({ matchLabels = {} }: Selector, labels: Labels) =>
  Object.keys(matchLabels).length > 0 &&
  Object.entries(matchLabels).every(([name, value]) => labels[name] === value);

const nameOf = ({ kind, metadata }: Manifest) => `${kind}/${metadata.name}`;

/** What Kubernetes 1.35 serves, and the two extensions; the models have versions that are gone. */
const SERVED = [
  'v1',
  'apps/v1',
  'autoscaling/v2',
  'networking.k8s.io/v1',
  'policy/v1',
  'monitoring.coreos.com/v1',
  'gateway.networking.k8s.io/v1',
];

function apisAreServed(manifests: readonly Manifest[]): string[] {
  return manifests
    .filter(({ apiVersion }) => !SERVED.includes(apiVersion))
    .map((manifest) => `${nameOf(manifest)}: ${manifest.apiVersion} is not served`);
}

/** Every selector finds the pods of a workload, and each workload its own. */
function selectorsMatch(manifests: readonly Manifest[]): string[] {
  const workloads = workloadsOf(manifests);
  const finds = (selector: Selector | undefined) =>
    selector !== undefined && workloads.some(({ template }) => matches(selector, template.metadata.labels));
  const own = workloads
    .filter(({ selector, template }) => !matches(selector, template.metadata.labels))
    .map(({ name }) => `${name} does not select its own pods`);
  const others = ofKind(manifests, 'PodDisruptionBudget', 'NetworkPolicy', 'Service')
    .filter((manifest) => !finds(podSelectorOf(manifest)))
    .map((manifest) => `${nameOf(manifest)} selects no pod`);
  const spread = workloads
    .filter(({ template }) =>
      (template.spec.topologySpreadConstraints ?? []).some(
        ({ labelSelector }) => !matches(labelSelector, template.metadata.labels),
      ),
    )
    .map(({ name }) => `${name} is spread by the labels of other pods`);
  const scaled = ofKind(manifests, 'HorizontalPodAutoscaler')
    .filter(({ spec }) => {
      const { scaleTargetRef: target } = spec as { scaleTargetRef: { kind: string; name: string } };
      return !manifests.some(({ kind, metadata }) => kind === target.kind && metadata.name === target.name);
    })
    .map((manifest) => `${nameOf(manifest)} scales nothing`);
  const monitored = ofKind(manifests, 'ServiceMonitor')
    .filter((manifest) => servicesOf(manifest, manifests).length !== 1)
    .map((manifest) => `${nameOf(manifest)} selects not one Service`);
  return [...own, ...others, ...spread, ...scaled, ...monitored];
}

function podSelectorOf({ kind, spec }: Manifest): Selector | undefined {
  if (kind === 'Service') return { matchLabels: (spec as { selector: Labels }).selector };
  const { selector, podSelector } = spec as { selector?: Selector; podSelector?: Selector };
  return selector ?? podSelector;
}

const servicesOf = ({ spec }: Manifest, manifests: readonly Manifest[]) =>
  ofKind(manifests, 'Service').filter(({ metadata }) =>
    matches((spec as Workload).selector, metadata.labels ?? {}),
  );

const opens = (container: Container, port: number | string | undefined) =>
  (container.ports ?? []).some(({ name, containerPort }) => port === name || port === containerPort);

/** Ports of Services and NetworkPolicies are open in the pods that they select. */
function servicesReachPorts(manifests: readonly Manifest[]): string[] {
  return ofKind(manifests, 'Service', 'NetworkPolicy').flatMap((manifest) => {
    const pods = workloadsOf(manifests).filter(({ template }) =>
      matches(podSelectorOf(manifest) ?? {}, template.metadata.labels),
    );
    return portsInto(manifest)
      .filter((port) => pods.some(({ template }) => !opens(containerOf(template.spec), port)))
      .map((port) => `${nameOf(manifest)}: no pod opens ${String(port)}`);
  });
}

function portsInto({ kind, spec }: Manifest): (number | string | undefined)[] {
  if (kind === 'Service') return (spec as { ports: Port[] }).ports.map(({ targetPort }) => targetPort);
  const { ingress = [] } = spec as { ingress?: { ports: Port[] }[] };
  return ingress.flatMap(({ ports }) => ports.map(({ port }) => port));
}

interface IngressSpec {
  readonly rules: {
    readonly http: { readonly paths: { readonly backend: { readonly service: Backend } }[] };
  }[];
}

interface Backend {
  readonly name: string;
  readonly port: { readonly name?: string; readonly number?: number };
}

interface RouteSpec {
  readonly rules: { readonly backendRefs: { readonly name: string; readonly port: number }[] }[];
}

interface MonitorSpec {
  readonly endpoints: { readonly port: string }[];
}

/** What sends requests to a Service names one that is there, by a port that it has. */
function ingressesReachServices(manifests: readonly Manifest[]): string[] {
  const portsOf = (service: string) =>
    ofKind(manifests, 'Service')
      .filter(({ metadata }) => metadata.name === service)
      .flatMap(({ spec }) => (spec as { ports: Port[] }).ports.flatMap(({ name, port }) => [name, port]));
  const ingresses = ofKind(manifests, 'Ingress').flatMap((manifest) =>
    (manifest.spec as IngressSpec).rules
      .flatMap(({ http }) => http.paths.map(({ backend }) => backend.service))
      .filter(({ name, port }) => !portsOf(name).includes(port.name ?? port.number))
      .map(({ name }) => `${nameOf(manifest)} does not reach ${name}`),
  );
  const routes = ofKind(manifests, 'HTTPRoute').flatMap((manifest) =>
    (manifest.spec as RouteSpec).rules
      .flatMap(({ backendRefs }) => backendRefs)
      .filter(({ name, port }) => !portsOf(name).includes(port))
      .map(({ name }) => `${nameOf(manifest)} does not reach ${name}`),
  );
  const monitors = ofKind(manifests, 'ServiceMonitor').flatMap((manifest) =>
    (manifest.spec as MonitorSpec).endpoints
      .filter(({ port }) =>
        servicesOf(manifest, manifests).some(({ metadata }) => !portsOf(metadata.name).includes(port)),
      )
      .map(({ port }) => `${nameOf(manifest)} asks for a port that is not there: ${port}`),
  );
  return [...ingresses, ...routes, ...monitors];
}

/** ConfigMaps, Secrets, volumes and accounts that pods name are there, and so are the files that settings name. */
function referencesExist(manifests: readonly Manifest[]): string[] {
  const has = (kind: string, name: string) =>
    ofKind(manifests, kind).some(({ metadata }) => metadata.name === name);
  return workloadsOf(manifests).flatMap(({ name, template: { spec: pod }, volumeClaimTemplates = [] }) => {
    const container = containerOf(pod);
    const wanted = [
      ...(container.envFrom ?? []).map(({ configMapRef }) => ['ConfigMap', configMapRef?.name ?? '']),
      ...(pod.volumes ?? []).flatMap(({ secret, configMap }) => [
        ...(secret ? [['Secret', secret.secretName]] : []),
        ...(configMap ? [['ConfigMap', configMap.name]] : []),
      ]),
      ...(pod.serviceAccountName ? [['ServiceAccount', pod.serviceAccountName]] : []),
    ] as [string, string][];
    const volumes = [
      ...(pod.volumes ?? []).map((volume) => volume.name),
      ...volumeClaimTemplates.map(({ metadata }) => metadata.name),
    ];
    const files = filesOf(pod, manifests);
    const paths = Object.entries(environmentOf(container, manifests)).filter(([key]) =>
      key.endsWith('_FILE'),
    );
    return [
      ...wanted
        .filter(([kind, of]) => !has(kind, of))
        .map(([kind, of]) => `${name}: there is no ${kind}/${of}`),
      ...(container.volumeMounts ?? [])
        .filter((mount) => !volumes.includes(mount.name))
        .map((mount) => `${name}: there is no volume ${mount.name}`),
      ...paths.filter(([, path]) => !files.has(path)).map(([key]) => `${name}: ${key} is no file of the pod`),
    ];
  });
}

/** The files that a pod gets from Secrets and ConfigMaps, by path. */
export function filesOf(pod: PodSpec, manifests: readonly Manifest[]): Map<string, string> {
  const files = (containerOf(pod).volumeMounts ?? []).flatMap(({ name, mountPath }) => {
    const { secret, configMap } = (pod.volumes ?? []).find((volume) => volume.name === name) ?? {};
    const source = ofKind(manifests, 'Secret', 'ConfigMap').find(
      ({ metadata }) => metadata.name === (secret?.secretName ?? configMap?.name),
    );
    return source
      ? Object.entries(decoded(source)).map(([file, text]) => [`${mountPath}/${file}`, text] as const)
      : [];
  });
  return new Map(files);
}

/** The variables of a container, but for what only a running pod has. */
export function environmentOf(container: Container, manifests: readonly Manifest[]): Record<string, string> {
  const maps = (container.envFrom ?? []).map(({ configMapRef }) =>
    ofKind(manifests, 'ConfigMap').find(({ metadata }) => metadata.name === configMapRef?.name),
  );
  const own = (container.env ?? []).flatMap(({ name, value }) =>
    value === undefined ? [] : [[name, value]],
  );
  return Object.assign({}, ...maps.map((map) => map?.data), Object.fromEntries(own)) as Record<
    string,
    string
  >;
}

const PROBES = ['startupProbe', 'readinessProbe', 'livenessProbe'] as const;

const probesOf = (container: Container): (readonly [name: string, probe: Probe])[] =>
  PROBES.flatMap((name) => (container[name] ? [[name, container[name]] as const] : []));

/** The paths that the app's probes ask for. */
export const probePaths = (manifests: readonly Manifest[]): string[] => [
  ...new Set(
    workloadsOf(manifests).flatMap(({ template }) =>
      probesOf(containerOf(template.spec)).flatMap(([, { httpGet }]) => httpGet?.path ?? []),
    ),
  ),
];

function probesHitOpenPorts(manifests: readonly Manifest[]): string[] {
  return workloadsOf(manifests).flatMap(({ name, template }) => {
    const container = containerOf(template.spec);
    const { PORT } = environmentOf(container, manifests);
    const closed = probesOf(container)
      .filter(([, { httpGet, tcpSocket }]) => !opens(container, (httpGet ?? tcpSocket)?.port))
      .map(([probe]) => `${name}: ${probe} asks a port that the container does not open`);
    const elsewhere = PORT !== undefined && !opens(container, Number(PORT));
    return [
      ...closed,
      ...(elsewhere ? [`${name} listens on ${PORT}, which is no port of the container`] : []),
    ];
  });
}

/** Restarting the app because Redis is away would only take away the rest. */
function livenessAsksNoDependency(manifests: readonly Manifest[]): string[] {
  return workloadsOf(manifests)
    .filter(({ template }) => containerOf(template.spec).livenessProbe?.httpGet?.path === '/readyz')
    .map(({ name }) => `${name} is restarted when it is not ready`);
}

/** Pod Security Standards, "restricted": https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted */
function podsAreRestricted(manifests: readonly Manifest[]): string[] {
  const allowed = ['configMap', 'emptyDir', 'secret'];
  return workloadsOf(manifests).flatMap(({ name, template: { spec: pod } }) => {
    const { runAsNonRoot, runAsUser, seccompProfile } = pod.securityContext ?? {};
    const { allowPrivilegeEscalation, privileged, readOnlyRootFilesystem, capabilities } =
      containerOf(pod).securityContext ?? {};
    const broken = {
      'may be root': runAsNonRoot !== true || runAsUser === 0,
      'has no seccomp profile': seccompProfile?.type !== 'RuntimeDefault',
      'may get more rights': allowPrivilegeEscalation !== false || privileged === true,
      'has capabilities': capabilities?.drop?.includes('ALL') !== true || capabilities.add !== undefined,
      "uses the node's namespaces": [pod.hostNetwork, pod.hostPID, pod.hostIPC].includes(true),
      'has a volume of the node': (pod.volumes ?? []).some(
        (volume) => !Object.keys(volume).some((type) => allowed.includes(type)),
      ),
      'has more than one container, which nothing here looks at': pod.containers.length > 1,
      // Not asked for by the profile.
      'can change its own files': readOnlyRootFilesystem !== true,
      'has a token for the API of Kubernetes': pod.automountServiceAccountToken !== false,
    };
    return Object.entries(broken).flatMap(([what, isSo]) => (isSo ? [`${name} ${what}`] : []));
  });
}

const SETTINGS = new Set(CONFIG_KEYS.flatMap((key) => [key, `${key}_FILE`]));

const variableNames = (container: Container, manifests: readonly Manifest[]) => [
  ...Object.keys(environmentOf(container, manifests)),
  ...(container.env ?? []).map(({ name }) => name),
];

function settingsExist(manifests: readonly Manifest[]): string[] {
  return workloadsOf(manifests).flatMap(({ name, template }) =>
    variableNames(containerOf(template.spec), manifests)
      .filter((key) => !SETTINGS.has(key))
      .map((key) => `${name}: ${key} is no setting of the app`),
  );
}

/** Settings that are secrets, and passwords in URLs. */
const SECRETS = new Set(['SESSION_SECRETS', 'REDIS_URL', 'USERS', 'DEMO_PASSWORD']);

function noSecretInAConfigMap(manifests: readonly Manifest[]): string[] {
  const values = ofKind(manifests, 'Secret').flatMap((secret) => Object.values(decoded(secret)));
  return ofKind(manifests, 'ConfigMap').flatMap((map) =>
    Object.entries(map.data ?? {})
      .filter(
        ([key, text]) =>
          SECRETS.has(key) ||
          /:\/\/[^/\s]*:[^/\s]*@/.test(text) ||
          values.some((value) => value.length > 8 && text.includes(value)),
      )
      .map(([key]) => `${nameOf(map)} has a secret: ${key}`),
  );
}

function updatesTakeNothingAway(manifests: readonly Manifest[]): string[] {
  return workloadsOf(ofKind(manifests, 'Deployment'))
    .filter(({ strategy }) => strategy?.rollingUpdate?.maxUnavailable !== 0)
    .map(({ name }) => `${name} loses pods in an update`);
}

/** A limit of memory that is what was promised, and none of CPU. */
function resourcesAreSaid(manifests: readonly Manifest[]): string[] {
  return workloadsOf(manifests).flatMap(({ name, template }) => {
    const { image, resources: { requests = {}, limits = {} } = {} } = containerOf(template.spec);
    const broken = {
      'promises no CPU': requests.cpu === undefined,
      'promises other memory than it allows':
        requests.memory === undefined || requests.memory !== limits.memory,
      'is throttled': limits.cpu !== undefined,
      'has an image without a version': !/:(?!latest$)[\w.-]+$/.test(image),
    };
    return Object.entries(broken).flatMap(([what, isSo]) => (isSo ? [`${name} ${what}`] : []));
  });
}

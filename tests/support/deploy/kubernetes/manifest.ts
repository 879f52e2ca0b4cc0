/** As much of Kubernetes' objects as the tests look at. The schema check looks at all of it. */

export type Labels = Readonly<Record<string, string>>;

export interface Port {
  readonly name?: string;
  readonly port?: number | string;
  readonly containerPort?: number;
  readonly targetPort?: number | string;
}

export interface Probe {
  readonly httpGet?: { readonly path: string; readonly port: number | string };
  readonly tcpSocket?: { readonly port: number | string };
  readonly periodSeconds?: number;
  readonly timeoutSeconds?: number;
  readonly failureThreshold?: number;
  readonly successThreshold?: number;
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly ports?: readonly Port[];
  readonly envFrom?: readonly { readonly configMapRef?: { readonly name: string } }[];
  readonly env?: readonly {
    readonly name: string;
    readonly value?: string;
    readonly valueFrom?: { readonly fieldRef?: { readonly fieldPath: string } };
  }[];
  readonly resources?: {
    readonly requests?: Readonly<Record<string, string>>;
    readonly limits?: Readonly<Record<string, string>>;
  };
  readonly startupProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly lifecycle?: { readonly preStop?: { readonly sleep?: { readonly seconds: number } } };
  readonly securityContext?: {
    readonly allowPrivilegeEscalation?: boolean;
    readonly privileged?: boolean;
    readonly readOnlyRootFilesystem?: boolean;
    readonly capabilities?: { readonly drop?: readonly string[]; readonly add?: readonly string[] };
  };
  readonly volumeMounts?: readonly {
    readonly name: string;
    readonly mountPath: string;
    readonly readOnly?: boolean;
  }[];
}

export interface Volume {
  readonly name: string;
  readonly secret?: { readonly secretName: string; readonly defaultMode?: number };
  readonly configMap?: { readonly name: string; readonly defaultMode?: number };
  readonly emptyDir?: object;
}

export interface PodSpec {
  readonly containers: readonly Container[];
  readonly volumes?: readonly Volume[];
  readonly serviceAccountName?: string;
  readonly automountServiceAccountToken?: boolean;
  readonly terminationGracePeriodSeconds?: number;
  readonly hostNetwork?: boolean;
  readonly hostPID?: boolean;
  readonly hostIPC?: boolean;
  readonly topologySpreadConstraints?: readonly { readonly labelSelector: Selector }[];
  readonly securityContext?: {
    readonly runAsNonRoot?: boolean;
    readonly runAsUser?: number;
    readonly runAsGroup?: number;
    readonly fsGroup?: number;
    readonly seccompProfile?: { readonly type: string };
  };
}

export interface Selector {
  readonly matchLabels?: Labels;
}

/** A Deployment's or StatefulSet's spec. */
export interface Workload {
  readonly selector: Selector;
  readonly strategy?: { readonly rollingUpdate?: { readonly maxUnavailable?: number | string } };
  readonly template: { readonly metadata: { readonly labels: Labels }; readonly spec: PodSpec };
  readonly volumeClaimTemplates?: readonly { readonly metadata: { readonly name: string } }[];
}

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: Labels };
  readonly spec?: unknown;
  readonly data?: Readonly<Record<string, string>>;
}

export const ofKind = (manifests: readonly Manifest[], ...kinds: string[]): Manifest[] =>
  manifests.filter(({ kind }) => kinds.includes(kind));

/** @throws {Error} where there is none, or where there are several. */
export function one(manifests: readonly Manifest[], kind: string, name: string): Manifest {
  const found = ofKind(manifests, kind).filter(
    ({ metadata }) => metadata.name.replace(/-[\da-z]{10}$/, '') === name,
  );
  if (found.length !== 1 || !found[0]) throw new Error(`there are ${found.length} of ${kind}/${name}`);
  return found[0];
}

export const workloadsOf = (manifests: readonly Manifest[]) =>
  ofKind(manifests, 'Deployment', 'StatefulSet').map(({ metadata, spec }) => ({
    name: metadata.name,
    ...(spec as Workload),
  }));

export function containerOf(pod: PodSpec): Container {
  const [container] = pod.containers;
  if (!container) throw new Error('the pod has no container');
  return container;
}

/** A Secret's data are base64. */
export function decoded(manifest: Manifest): Record<string, string> {
  const entries = Object.entries(manifest.data ?? {});
  if (manifest.kind !== 'Secret') return Object.fromEntries(entries);
  return Object.fromEntries(entries.map(([name, value]) => [name, Buffer.from(value, 'base64').toString()]));
}

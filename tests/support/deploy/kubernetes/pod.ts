import { docker, openDoor, type Door } from '../docker.ts';
import { inspect } from '../docker-project.ts';
import type { WorkFolder } from '../render.ts';
import { freePort } from '../../redis-server.ts';
import { containerOf, type Container, type Manifest, type Port, type Workload } from './manifest.ts';
import { environmentOf, filesOf } from './rules.ts';

export interface PodOptions {
  readonly name: string;
  /** The image's name on this machine: nothing else differs from what was rendered. */
  readonly image: string;
  /** A Docker network with the pod's address in it. */
  readonly network: string;
  readonly address: string;
  /** For what the doors to its ports need. */
  readonly folder: WorkFolder;
  /** Further arguments of `docker run`: a name in the network, which a Service would give. */
  readonly options?: readonly string[];
}

/** The pod of a Deployment or a StatefulSet, run by Docker as a kubelet would have it run. */
export class Pod {
  readonly name: string;
  readonly address: string;
  readonly container: Container;
  readonly graceSeconds: number;
  readonly #volumes: readonly string[];
  #doors = new Map<string, Door>();

  private constructor({ name, address }: PodOptions, workload: Workload, volumes: readonly string[]) {
    this.name = name;
    this.address = address;
    this.container = containerOf(workload.template.spec);
    this.graceSeconds = workload.template.spec.terminationGracePeriodSeconds ?? 30;
    this.#volumes = volumes;
  }

  /** Resolves when the container runs; whether the app in it does, its probes say. */
  static async start(workload: Manifest, manifests: readonly Manifest[], options: PodOptions): Promise<Pod> {
    const spec = workload.spec as Workload;
    const container = containerOf(spec.template.spec);
    const volumes = await makeVolumes(spec, manifests, options);
    const ports = await Promise.all(
      (container.ports ?? []).map(async (port) => [port, await freePort()] as const),
    );
    const [entrypoint = '', ...rest] = container.command ?? [];
    await docker([
      ...['run', '--detach', '--name', options.name, '--no-healthcheck'],
      ...['--network', options.network, '--ip', options.address, ...(options.options ?? [])],
      ...rightsOf(spec),
      ...resourcesOf(container),
      ...variablesOf(container, manifests, options.address),
      ...(container.volumeMounts ?? []).flatMap(({ name, mountPath, readOnly }) => [
        '--volume',
        `${volumeName(options, name)}:${mountPath}${readOnly ? ':ro' : ''}`,
      ]),
      ...ports.flatMap(([port, own]) => ['--publish', `127.0.0.1:${own}:${String(port.containerPort)}`]),
      ...['--entrypoint', entrypoint, options.image, ...rest, ...(container.args ?? [])],
    ]);
    const pod = new Pod(options, spec, volumes);
    for (const [port, own] of ports) pod.#doors.set(port.name ?? '', await openDoor(own, options.folder));
    return pod;
  }

  /** Where a port of the pod is on this machine. */
  port(port: number | string): number {
    const named = (this.container.ports ?? []).find(
      ({ name, containerPort }) => name === port || containerPort === port,
    );
    const door = this.#doors.get(named?.name ?? '');
    if (!door) throw new Error(`${this.name} has no port ${port}`);
    return door.port;
  }

  containerPort(port: number | string): number {
    const isIt = ({ name, containerPort }: Port) => name === port || containerPort === port;
    return (this.container.ports ?? []).find(isIt)?.containerPort ?? 0;
  }

  /** SIGTERM, and SIGKILL after what the grace leaves. @returns the exit code and how long it took, in seconds. */
  async terminate(): Promise<{ exitCode: number; seconds: number }> {
    const begun = performance.now();
    const { lifecycle } = this.container;
    const left = this.graceSeconds - (lifecycle?.preStop?.sleep?.seconds ?? 0);
    await docker(['stop', '--time', String(left), this.name], { seconds: left + 30 });
    return {
      exitCode: Number(await inspect(this.name, 'State.ExitCode')),
      seconds: (performance.now() - begun) / 1000,
    };
  }

  async log(): Promise<string> {
    return docker(['logs', this.name]);
  }

  async remove(): Promise<void> {
    for (const door of this.#doors.values()) await door.close();
    this.#doors = new Map();
    await docker(['rm', '--force', this.name]);
    if (this.#volumes.length > 0) await docker(['volume', 'rm', '--force', ...this.#volumes]);
  }
}

const volumeName = ({ name }: PodOptions, volume: string) => `${name}-${volume}`;

/** User, groups, root file system, capabilities. Docker's own seccomp profile is what RuntimeDefault stands for. */
function rightsOf({ template: { spec: pod } }: Workload): string[] {
  const { runAsUser, runAsGroup, fsGroup } = pod.securityContext ?? {};
  const { readOnlyRootFilesystem, allowPrivilegeEscalation, capabilities } =
    containerOf(pod).securityContext ?? {};
  return [
    ...(runAsUser === undefined ? [] : ['--user', `${runAsUser}:${runAsGroup ?? 0}`]),
    ...(fsGroup === undefined ? [] : ['--group-add', String(fsGroup)]),
    ...(readOnlyRootFilesystem ? ['--read-only'] : []),
    ...(allowPrivilegeEscalation === false ? ['--security-opt', 'no-new-privileges'] : []),
    ...(capabilities?.drop ?? []).flatMap((name) => ['--cap-drop', name]),
    ...(capabilities?.add ?? []).flatMap((name) => ['--cap-add', name]),
  ];
}

/** A limit of memory without swap, and CPU as a share: 1024 of 1000m, as the kubelet has it. */
function resourcesOf({ resources: { requests = {}, limits = {} } = {} }: Container): string[] {
  const memory = limits.memory?.replace(/Mi$/, 'm') ?? '';
  const millis = Number(requests.cpu?.replace(/m$/, ''));
  return [
    '--memory',
    memory,
    '--memory-swap',
    memory,
    '--cpu-shares',
    String(Math.floor((millis * 1024) / 1000)),
  ];
}

function variablesOf(container: Container, manifests: readonly Manifest[], address: string): string[] {
  const fields = (container.env ?? [])
    .filter(({ valueFrom }) => valueFrom?.fieldRef?.fieldPath === 'status.podIP')
    .map(({ name }) => [name, address]);
  const all = { ...environmentOf(container, manifests), ...(Object.fromEntries(fields) as object) };
  return Object.entries(all).flatMap(([name, value]) => ['--env', `${name}=${value}`]);
}

/** Volumes with the files of Secrets and ConfigMaps, which are root's and readable for the pod's group. */
async function makeVolumes(
  spec: Workload,
  manifests: readonly Manifest[],
  options: PodOptions,
): Promise<string[]> {
  const { volumes = [], securityContext } = spec.template.spec;
  const group = securityContext?.fsGroup ?? 0;
  const files = [...filesOf(spec.template.spec, manifests)];
  const mounts = containerOf(spec.template.spec).volumeMounts ?? [];
  for (const { name, mountPath } of mounts) {
    const { secret, configMap } = volumes.find((volume) => volume.name === name) ?? {};
    const mode = (secret ?? configMap)?.defaultMode ?? 0o644;
    const writes = files
      .filter(([path]) => path.startsWith(`${mountPath}/`))
      .flatMap(([path, text]) => [
        `echo ${Buffer.from(text).toString('base64')} | base64 -d > ${path}`,
        `chmod ${mode.toString(8)} ${path}`,
      ]);
    // What is neither is a folder of the pod's own: the kubelet makes it writable for its group.
    const own = secret || configMap ? [] : [`chmod 2777 ${mountPath}`];
    const script = ['set -e', ...writes, `chown -R 0:${group} ${mountPath}`, ...own].join('\n');
    const volume = `${volumeName(options, name)}:${mountPath}`;
    const asRoot = ['--rm', '--user', '0:0', '--network', 'none', '--volume', volume, '--entrypoint', 'sh'];
    await docker(['run', ...asRoot, options.image, '-c', script]);
  }
  return mounts.map(({ name }) => volumeName(options, name));
}

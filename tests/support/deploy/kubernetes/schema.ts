import { join } from 'node:path';
import ts from 'typescript';
import type { KubernetesLab } from './lab.ts';
import type { Manifest } from './manifest.ts';

/** Where the models of an API are that is not Kubernetes' own. */
const PACKAGES: Readonly<Record<string, string>> = {
  'monitoring.coreos.com': '@kubernetes-models/prometheus-operator',
  'gateway.networking.k8s.io': '@kubernetes-models/gateway-api',
};

interface Model {
  validate(): void;
}

type Models = Readonly<Record<string, (new (data: object) => Model) | undefined>>;

const OPTIONS: ts.CompilerOptions = {
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  strict: true,
  exactOptionalPropertyTypes: true,
  noEmit: true,
  skipLibCheck: true,
  types: [],
};

/**
 * What the API server would refuse under `--validate=strict`, and more: fields that are not there, wrong types, words that
 * are none of those allowed, quantities that are none.
 *
 * The models are generated from Kubernetes' OpenAPI document, as TypeScript types and as functions that validate. Types
 * find unknown fields, because TypeScript takes no excess property in a literal; functions find patterns.
 *
 * @returns per list of manifests what is wrong with it. All lists are checked by one compilation.
 */
export function schemaErrors(lab: KubernetesLab, lists: readonly (readonly Manifest[])[]): string[][] {
  const sources = new Map<string, string>();
  lists.forEach((manifests, list) => {
    manifests.forEach((manifest, index) => {
      sources.set(join(lab.folder, `${list}-${index}.ts`), literal(manifest));
    });
  });
  const errors = compileErrors(sources);
  return lists.map((manifests, list) =>
    manifests.flatMap((manifest, index) =>
      [
        ...(errors.get(join(lab.folder, `${list}-${index}.ts`)) ?? []),
        ...validationErrors(lab, manifest),
      ].map((error) => `${manifest.kind}/${manifest.metadata.name}: ${error}`),
    ),
  );
}

function moduleOf({ apiVersion }: Manifest): string {
  const [group = ''] = apiVersion.split('/');
  return `${PACKAGES[group] ?? 'kubernetes-models'}/${apiVersion}`;
}

function literal(manifest: Manifest): string {
  const type = `import('${moduleOf(manifest)}').I${manifest.kind}`;
  return `export const manifest: ${type} = ${JSON.stringify(manifest)};`;
}

function compileErrors(sources: ReadonlyMap<string, string>): Map<string, string[]> {
  const host = ts.createCompilerHost(OPTIONS);
  const { getSourceFile, fileExists, readFile } = host;
  host.getSourceFile = (name, version) => {
    const text = sources.get(name);
    return text === undefined ? getSourceFile(name, version) : ts.createSourceFile(name, text, version);
  };
  host.fileExists = (name) => sources.has(name) || fileExists(name);
  host.readFile = (name) => sources.get(name) ?? readFile(name);
  const program = ts.createProgram([...sources.keys()], OPTIONS, host);
  const errors = new Map<string, string[]>();
  for (const { file, messageText } of ts.getPreEmitDiagnostics(program)) {
    const text = ts.flattenDiagnosticMessageText(messageText, ' ');
    if (!file) throw new Error(text);
    errors.set(file.fileName, [...(errors.get(file.fileName) ?? []), text]);
  }
  return errors;
}

function validationErrors(lab: KubernetesLab, manifest: Manifest): string[] {
  try {
    const Model = (lab.load(moduleOf(manifest)) as Models)[manifest.kind];
    if (!Model) return [`there is no such kind in ${manifest.apiVersion}`];
    new Model(manifest).validate();
    return [];
  } catch (error) {
    return [(error as Error).message];
  }
}

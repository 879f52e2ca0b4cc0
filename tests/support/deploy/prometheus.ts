import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { ask } from './ask.ts';
import { repositoryPath } from './render.ts';

export interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** The rules of a file of deploy/prometheus. */
export function rulesOf(file: string): Rule[] {
  const { groups } = parseFile(file) as { groups: { rules: Rule[] }[] };
  return groups.flatMap(({ rules }) => rules);
}

/** A YAML file of deploy/prometheus. */
export function parseFile(file: string): unknown {
  return parse(readFileSync(repositoryPath('deploy/prometheus', file), 'utf8'));
}

export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
}

interface Dashboard {
  readonly panels: readonly Panel[];
  readonly annotations: { readonly list: readonly { readonly name: string; readonly expr: string }[] };
  readonly templating: { readonly list: readonly { readonly name: string; readonly type: string }[] };
}

export function dashboard(): Dashboard {
  return JSON.parse(readFileSync(repositoryPath('deploy/prometheus/dashboard.json'), 'utf8')) as Dashboard;
}

/** Every query of the dashboard, by what it is for. */
export const dashboardQueries = (): (readonly [title: string, query: string])[] => [
  ...dashboard().panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => [title, expr] as const),
  ),
  ...dashboard().annotations.list.map(({ name, expr }) => [name, expr] as const),
];

/** A query as Grafana would send it: `$instance` is "All", and a rate looks at four scrapes at least. */
export function asGrafana(
  query: string,
  { job, scrapeSeconds }: { job: string; scrapeSeconds: number },
): string {
  return query
    .replaceAll('$job', job)
    .replaceAll('$instance', '.*')
    .replaceAll('$__rate_interval', `${4 * scrapeSeconds}s`);
}

/** The series that an expression asks for: names with their matchers, and names alone that a recording rule makes. */
export function selectorsIn(expr: string): string[] {
  const withMatchers = expr.match(/[a-z][a-z\d_:]*\{[^}]*\}/g) ?? [];
  const recorded = expr.replaceAll(/\{[^}]*\}/g, '').match(/\bjob(?:_[a-z]+)?:[a-z_]+:[a-z\d_]+/g) ?? [];
  return [...new Set([...withMatchers, ...recorded])];
}

interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [time: number, value: string];
}

/** The result of a query. @throws {Error} when it refuses it. */
export async function query(url: string, promql: string): Promise<Sample[]> {
  const { text } = await ask({ url: `${url}/api/v1/query?query=${encodeURIComponent(promql)}` });
  const { status, error, data } = JSON.parse(text) as {
    status: string;
    error?: string;
    data: { result: Sample[] };
  };
  if (status !== 'success') throw new Error(`${promql}: ${error ?? ''}`);
  return data.result;
}

/** Whether there is a number among the samples. */
export const hasNumbers = (samples: readonly Sample[]) => samples.some(({ value }) => value[1] !== 'NaN');

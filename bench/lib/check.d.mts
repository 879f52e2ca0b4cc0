import type { IncomingHttpHeaders } from 'node:http';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly type: string;
  readonly body: string;
}

export interface Promised {
  readonly title: string;
  readonly same?: string;
  readonly promises?: readonly string[];
  readonly drops?: readonly string[];
}

export interface Proven {
  readonly title: string;
  readonly proof: { readonly path: string; readonly status: number; readonly header?: string };
}

export function ask(server: { url: string }, path: string, headers?: object): Promise<Answer>;
export function assertKeepsItsPromises(
  row: Promised,
  answer: Answer,
  answers: ReadonlyMap<string, Answer>,
): void;
export function assertProven(row: Proven, answer: Answer): void;

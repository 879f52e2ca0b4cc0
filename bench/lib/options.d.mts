export interface BenchOptions {
  readonly help: boolean;
  readonly kind: 'rows' | 'layers' | 'peers' | 'scale';
  readonly quick: boolean;
  readonly json: boolean;
  readonly svg: string | undefined;
  readonly only: ReadonlySet<string> | undefined;
  readonly extras: ReadonlySet<string>;
  readonly rounds: number;
  readonly milliseconds: number;
  readonly warmUpMs: number;
}

export function readOptions(args: readonly string[]): BenchOptions;

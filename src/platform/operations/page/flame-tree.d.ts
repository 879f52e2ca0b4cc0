export interface Frame {
  readonly key: string;
  readonly name: string;
  /** File and line; empty for what is in no file. */
  readonly place: string;
  readonly kind: 'app' | 'platform' | 'package' | 'node' | 'engine';
  readonly self: number;
  readonly total: number;
  readonly children: readonly Frame[];
}

export interface Box {
  readonly frame: Frame;
  readonly parent?: Box;
  readonly depth: number;
  readonly left: number;
  readonly width: number;
  readonly isCaller?: true;
}

export function fromCpuProfile(profile: object): { unit: 'ms'; recordedMs: number; root: Frame };
export function fromHeapProfile(profile: object): { unit: 'bytes'; root: Frame };
export function layOut(root: Frame, path?: readonly Frame[], minShare?: number): Box[];
export function topFunctions(root: Frame, limit?: number): Omit<Frame, 'children'>[];
export function matches(frame: Pick<Frame, 'name' | 'place'>, words: string): boolean;
export function sumOfMatches(root: Frame, words: string): number;

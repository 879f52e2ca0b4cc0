/** How a reload ended. */
export interface ReloadResult {
  readonly ok: boolean;
  readonly generation: number;
  /** Why it was aborted. */
  readonly reason?: string;
}

interface Waiting {
  readonly promise: Promise<ReloadResult>;
  resolve(result: ReloadResult): void;
}

/** At most one reload runs and one waits: many requests during a reload all want the same, the newest code. */
export class Reloads {
  #running: Waiting | undefined;
  #next: Waiting | undefined;
  last: ReloadResult | undefined;
  readonly counts = { reloads: 0, abortedReloads: 0 };

  get running(): boolean {
    return this.#running !== undefined;
  }

  /**
   * Asks for a reload.
   *
   * @param begin - called now if none runs, else when the one that runs has ended.
   */
  request(begin: () => void): Promise<ReloadResult> {
    if (this.#running) return (this.#next ??= waiting()).promise;
    this.#running = waiting();
    const { promise } = this.#running;
    begin();
    return promise;
  }

  /**
   * Ends the one that runs.
   *
   * @param begin - called if one waits, which then runs; without it, that one has ended the same way.
   */
  end(result: ReloadResult, begin?: () => void): void {
    const ended = this.#running;
    const next = this.#next;
    if (!ended) return;
    this.last = result;
    this.counts[result.ok ? 'reloads' : 'abortedReloads'] += 1;
    this.#running = begin && next;
    this.#next = undefined;
    ended.resolve(result);
    if (begin && next) begin();
    else next?.resolve(result);
  }
}

function waiting(): Waiting {
  let resolve: Waiting['resolve'] = () => undefined;
  const promise = new Promise<ReloadResult>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

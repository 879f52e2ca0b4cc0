import type { Status } from './status.ts';
import type { SupervisorHooks } from './supervisor-parts.ts';

/** Tells the entry what is new, and nothing twice. */
export class StateReporter {
  readonly #hooks: Pick<SupervisorHooks, 'started' | 'changed'>;
  #last = '';
  #started = false;

  constructor(hooks: Pick<SupervisorHooks, 'started' | 'changed'>) {
    this.#hooks = hooks;
  }

  /** Whether all workers were ready at least once. */
  get started(): boolean {
    return this.#started;
  }

  /** @param read - reads the status; it says "starting" until it has been told here that the start is over. */
  tell(read: () => Status): void {
    const { ready, target } = read();
    if (!this.#started && ready === target) {
      this.#started = true;
      this.#hooks.started();
    }
    const status = read();
    const now = `${status.state} ${ready}/${target}`;
    if (now === this.#last) return;
    this.#last = now;
    this.#hooks.changed(status);
  }
}

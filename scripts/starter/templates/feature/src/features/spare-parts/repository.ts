import { withChanges, type SparePart, type SparePartChanges } from './spare-part.ts';

/** A part of a list: `page` counts from 1. */
export interface Page {
  readonly page: number;
  readonly pageSize: number;
}

/**
 * Where spare parts are kept. Handlers use this interface only, so that the store can be replaced. An owner reaches only
 * their own. Every method throws while the store is away.
 */
export interface SparePartRepository {
  create(sparePart: SparePart): Promise<void>;
  /** undefined: the owner has none with this id. */
  get(owner: string, id: string): Promise<SparePart | undefined>;
  /** Newest first. `total` counts all pages. */
  list(owner: string, page: Page): Promise<{ items: readonly SparePart[]; total: number }>;
  /** Of two changes of the same version, one is made and the other is a `conflict`. */
  update(owner: string, id: string, changes: SparePartChanges): Promise<SparePart | 'conflict' | undefined>;
  /** false: the owner has none with this id. */
  delete(owner: string, id: string): Promise<boolean>;
}

/** Spare parts in this process's memory: they are gone when it ends, and other processes do not see them. */
export class MemorySpareParts implements SparePartRepository {
  readonly #byId = new Map<string, SparePart>();

  create(sparePart: SparePart): Promise<void> {
    this.#byId.set(sparePart.id, sparePart);
    return Promise.resolve();
  }

  get(owner: string, id: string): Promise<SparePart | undefined> {
    return Promise.resolve(this.#find(owner, id));
  }

  list(owner: string, { page, pageSize }: Page): ReturnType<SparePartRepository['list']> {
    const all = [...this.#byId.values()]
      .filter((one) => one.owner === owner)
      .sort((a, b) => (a.createdAt + a.id < b.createdAt + b.id ? 1 : -1));
    const items = all.slice((page - 1) * pageSize, page * pageSize);
    return Promise.resolve({ items, total: all.length });
  }

  update(owner: string, id: string, changes: SparePartChanges): ReturnType<SparePartRepository['update']> {
    const found = this.#find(owner, id);
    const updated = found && withChanges(found, changes);
    if (updated && updated !== 'conflict') this.#byId.set(id, updated);
    return Promise.resolve(updated);
  }

  delete(owner: string, id: string): Promise<boolean> {
    return Promise.resolve(this.#find(owner, id) !== undefined && this.#byId.delete(id));
  }

  #find(owner: string, id: string): SparePart | undefined {
    const found = this.#byId.get(id);
    return found?.owner === owner ? found : undefined;
  }
}

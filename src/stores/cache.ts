/** Placeholder interface. */
export interface Cache {
  close(): Promise<void>;
}

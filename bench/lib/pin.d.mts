export function pin(
  servers: readonly { pids(): Promise<readonly number[]> }[],
  load: { readonly pid: number },
): Promise<void>;

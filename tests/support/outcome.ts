import { execFile, type ExecFileException, type ExecFileOptions } from 'node:child_process';

/** How a program ended, and what it printed. */
export interface Outcome {
  /** -1 when a signal or the time limit ended it, or it could not be started. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program, whatever its exit code. */
export function outcomeOf(
  file: string,
  args: readonly string[],
  options: Omit<ExecFileOptions, 'encoding'> = {},
): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(
      file,
      args,
      { ...options, encoding: 'utf8' },
      (error: ExecFileException | null, stdout, stderr) => {
        const code = error ? (typeof error.code === 'number' ? error.code : -1) : 0;
        resolve({ code, stdout, stderr });
      },
    );
  });
}

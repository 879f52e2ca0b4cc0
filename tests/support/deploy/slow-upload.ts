import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { repositoryPath } from './render.ts';
import { until } from './until.ts';

/** The file, for those that have to copy it to another machine first. */
export const SLOW_UPLOAD = repositoryPath('tests/support/deploy/slow-upload.mjs');

/** A request that is under way until it is finished. */
export interface SlowUpload {
  /** Sends the rest and returns the response, headers included. */
  finish(): Promise<string>;
}

/** @param command - runs the file, where that takes more than `node`. */
export async function startSlowUpload(
  port: number,
  command: readonly string[] = [process.execPath, SLOW_UPLOAD],
): Promise<SlowUpload> {
  const [file = '', ...args] = command;
  const child = spawn(file, [...args, String(port)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const closed = once(child, 'close');
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await until('the request is under way', () => output.startsWith('under way'));
  return {
    finish: async () => {
      child.stdin.end();
      await closed;
      return output.slice('under way\n'.length);
    },
  };
}

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/**
 * The absolute path of something in the project's folder, such as `projectPath('data', 'companies.json')`. It is the
 * same from src/ and from dist/, wherever the process was started.
 */
export function projectPath(...parts: string[]): string {
  return join(ROOT, ...parts);
}

/** As package.json has them: the name is the default of what carries it, such as keys in Redis and cookies. */
export const { name: APP_NAME, version: APP_VERSION = '' } = JSON.parse(
  readFileSync(projectPath('package.json'), 'utf8'),
) as { name: string; version?: string };

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

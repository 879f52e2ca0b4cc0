// Copies public/ to dist/public/ under the names that pages use (style.0a1b2c3d4e.css), each with a .br and a .gz beside
// it if that is smaller. Run it for each release, after the build: node deploy/nginx/assets.mjs
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, extname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, gzipSync } from 'node:zlib';

const root = fileURLToPath(new URL('../..', import.meta.url));
const [from = join(root, 'public'), to = join(root, 'dist', 'public')] = process.argv
  .slice(2)
  .map((path) => resolve(path));

for (const entry of readdirSync(from, { recursive: true, withFileTypes: true })) {
  const file = join(entry.parentPath, entry.name);
  // No hidden names, except the folder .well-known: as src/platform/http/middleware/static.ts serves them.
  const visible = file.slice(from.length + 1).replace(/^\.well-known\//, '');
  if (!entry.isFile() || /(?:^|\/)\./.test(visible)) continue;
  const content = readFileSync(file);
  // The same hash as in src/platform/http/middleware/static.ts.
  const hash = createHash('sha256').update(content).digest('hex').slice(0, 10);
  const extension = extname(file);
  const hashed = join(to, file.slice(from.length, file.length - extension.length) + `.${hash}${extension}`);
  mkdirSync(dirname(hashed), { recursive: true });
  writeFileSync(hashed, content);
  for (const [suffix, packed] of [
    ['.br', brotliCompressSync(content)],
    ['.gz', gzipSync(content, { level: 9 })],
  ]) {
    if (packed.length < content.length) writeFileSync(hashed + suffix, packed);
  }
}

import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * Makes a certificate and key to throw away, as `fullchain.pem` and `privkey.pem`, and both in one as `haproxy.pem`.
 *
 * @returns the certificate, for clients to trust.
 */
export async function makeCertificate(folder: string, domain: string): Promise<string> {
  const certificate = join(folder, 'fullchain.pem');
  const key = join(folder, 'privkey.pem');
  const args = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const names = ['-subj', `/CN=${domain}`, '-addext', `subjectAltName=DNS:${domain}`];
  await run('openssl', ['req', '-x509', ...args, ...names, '-keyout', key, '-out', certificate]);
  const pem = await readFile(certificate, 'utf8');
  await writeFile(join(folder, 'haproxy.pem'), pem + (await readFile(key, 'utf8')), { mode: 0o600 });
  return pem;
}

import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { freePort } from '../redis-server.ts';
import { accepts } from './accepts.ts';
import { Daemon } from './daemon.ts';
import type { WorkFolder } from './render.ts';

const run = promisify(execFile);

/** An SSH server on loopback that lets in whoever has its key, as the user who runs the tests. */
export interface Sshd {
  readonly port: number;
  /** The file with the client's key. */
  readonly key: string;
  /** `UserKnownHostsFile` for ssh: the server's key and no other. */
  readonly knownHosts: string;
  stop(): Promise<void>;
}

/**
 * @param folder - where its files go.
 * @param env - what every session has in its environment.
 */
export async function startSshd(folder: WorkFolder, env: Readonly<Record<string, string>>): Promise<Sshd> {
  const port = await freePort();
  const [key, hostKey, knownHosts, config] = ['key', 'host-key', 'known-hosts', 'sshd_config'].map((name) =>
    folder.join(name),
  ) as [string, string, string, string];
  for (const file of [key, hostKey]) await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file]);
  await writeFile(knownHosts, `[127.0.0.1]:${port} ${await readFile(`${hostKey}.pub`, 'utf8')}`);
  const lines = [
    `ListenAddress 127.0.0.1:${port}`,
    `HostKey ${hostKey}`,
    `AuthorizedKeysFile ${key}.pub`,
    // The folder is below one that everyone may write to.
    'StrictModes no',
    'PasswordAuthentication no',
    'UsePAM no',
    'PidFile none',
    `SetEnv ${Object.entries(env)
      .map(([name, value]) => `"${name}=${value}"`)
      .join(' ')}`,
  ];
  await writeFile(config, `${lines.join('\n')}\n`);
  // Where the server locks itself into; on a machine without systemd nobody has made it.
  if (process.getuid?.() === 0) await mkdir('/run/sshd', { recursive: true, mode: 0o755 });
  const daemon = await Daemon.start('/usr/sbin/sshd', ['-D', '-e', '-f', config], {
    ready: async () => accepts(port),
  });
  return { port, key, knownHosts, stop: async () => daemon.stop() };
}

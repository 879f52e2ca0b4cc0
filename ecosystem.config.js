// How PM2 runs the app: see deploy/pm2/README.md. PM2 is the supervisor here, so it runs dist/server.js, one process
// per instance, and never dist/cluster.js, which is a supervisor itself.
// `export const apps`, because package.json says "type": "module"; PM2 finds neither a default export nor module.exports.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

// The service's name: of the processes, the user and the folders.
const name = 'app';

// PM2 keeps the folder and runs what is in it at each reload. A release is in /srv/app/releases/1.0.0, but the folder to
// keep is /srv/app/current, which will point to the next release. In a checkout it is the checkout.
const here = import.meta.dirname;
const current = join(here, '..', '..', 'current');
const cwd = existsSync(join(current, 'ecosystem.config.js')) ? current : here;

// The other settings come from .env in that folder, which the app reads at each start. So a reload takes new settings, and
// `pm2 env` and PM2's dump contain no secret.
const production = { NODE_ENV: 'production' };

// A checkout is built first; a release has no sources and is left alone. PM2 shows the output on the terminal.
const build = join(cwd, 'scripts', 'build.mjs');
if (existsSync(build)) {
  const { status } = spawnSync(process.execPath, [build, '--if-stale'], { stdio: ['ignore', 2, 2] });
  if (status !== 0) throw new Error(`dist/ can't be built: see above, or run: npm ci && npm run build`);
}

export const apps = [
  {
    name,
    script: 'dist/server.js',
    cwd,

    // One per CPU, behind one port. A number in WEB_CONCURRENCY overrides this; with STORE=memory it must be 1.
    exec_mode: 'cluster',
    instances: Number(process.env.WEB_CONCURRENCY) || 'max',

    // Without --env, too, the app must not run in development mode.
    env: production,
    env_production: production,

    // An instance reports that it is online, after it listens; only then PM2 stops the old one.
    wait_ready: true,
    // PM2 waits for that as long as our own primary does (BOOT_TIMEOUT_SECONDS). Then it stops the old instance even if
    // the new one is not online, so too short a time turns a slow start into an outage.
    listen_timeout: 30_000,
    // From SIGINT to SIGKILL. PM2's own 1.6 s cuts requests. DRAIN_DELAY_SECONDS 0 + DRAIN_TIMEOUT_SECONDS 25 +
    // KILL_GRACE_SECONDS 2 = 27 s, and a reserve; raise it together with those.
    kill_timeout: 30_000,

    // 0.1 s after the first crash, half as long again after each, 15 s at most; PM2 resets it after 30 s of uptime.
    // There is no last attempt: the cause (a full disk, a network failure) may go away.
    exp_backoff_restart_delay: 100,
    // A restart does not fix a bad configuration (EX_CONFIG of sysexits.h).
    stop_exit_codes: [78],
    // An instance uses 100 MB, and up to CACHE_MAX_MB (64) more. Three times that is a leak: PM2 reloads the instance.
    max_memory_restart: '512M',

    // One file for all instances, in PM2's own folder; each line has its process id. No file under systemd (which sets
    // INVOCATION_ID) and Upstart (UPSTART_JOB): they write and rotate what PM2 prints.
    merge_logs: true,
    ...((process.env.INVOCATION_ID ?? process.env.UPSTART_JOB) && {
      out_file: '/dev/null',
      error_file: '/dev/null',
    }),
    // PM2 would load its monitoring agent into the app, and look for git in its folder.
    pmx: false,
    vizion: false,
  },
];

/**
 * `pm2 deploy production` from a developer's machine: fetches the branch on the host, in a folder of its own, and has
 * post-deploy.sh make a release of it. docs/releases.md has the same steps by hand.
 */
export const deploy = {
  production: {
    user: name,
    host: ['example.com'],
    ref: 'origin/main',
    repo: `git@example.com:${name}.git`,
    path: `/srv/${name}/build`,
    'post-deploy': 'sh deploy/pm2/post-deploy.sh',
  },
};

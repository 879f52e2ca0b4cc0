// How PM2 runs the app: see deploy/pm2/README.md. PM2 is the supervisor here, so it runs dist/server.js, one process
// each, and never dist/cluster.js, which is a supervisor itself.
// `export const apps`, because package.json says "type": "module"; PM2 finds neither a default export nor module.exports.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

// PM2 remembers the folder and runs what is in it at each reload. A release lies in /srv/app/releases/1.0.0; the folder
// to remember is /srv/app/current, which will point to another release one day. In a checkout it is the checkout.
const here = import.meta.dirname;
const current = join(here, '..', '..', 'current');
const cwd = existsSync(join(current, 'ecosystem.config.js')) ? current : here;

// The other settings come from .env in that folder, which the app reads itself at each start. Thus a reload takes new
// settings, and no secret stands in `pm2 env` or in PM2's dump.
const production = { NODE_ENV: 'production' };

// A checkout is built first; a release, which has no sources, is left as it is. PM2 shows what is printed here on the terminal.
const build = join(cwd, 'scripts', 'build.mjs');
if (existsSync(build)) {
  const { status } = spawnSync(process.execPath, [build, '--if-stale'], { stdio: ['ignore', 2, 2] });
  if (status !== 0) throw new Error(`dist/ can't be built: see above, or run: npm ci && npm run build`);
}

export const apps = [
  {
    name: 'app',
    script: 'dist/server.js',
    cwd,

    // One a CPU, behind one port. A number in WEB_CONCURRENCY overrides; with STORE=memory it must be 1.
    exec_mode: 'cluster',
    instances: Number(process.env.WEB_CONCURRENCY) || 'max',

    // Whoever forgets --env must not run in development mode.
    env: production,
    env_production: production,

    // An instance is online when it says so, after it listens, and only then the old one is stopped.
    wait_ready: true,
    // How long PM2 waits for that. As long as our own primary does (BOOT_TIMEOUT_SECONDS); after it PM2 stops the old
    // instance even if the new one never came, so too short a time turns a slow start into an outage.
    listen_timeout: 30_000,
    // From SIGINT to SIGKILL. PM2's own 1.6 s cuts requests. DRAIN_DELAY_SECONDS 0 + DRAIN_TIMEOUT_SECONDS 25 +
    // KILL_GRACE_SECONDS 2 = 27 s, and some to spare; raise it together with those.
    kill_timeout: 30_000,

    // 0.1 s after the first crash, half as long again after each, 15 s at most; PM2 resets it after 30 s of uptime.
    // There is no last try: what broke (a full disk, a wrong network) may mend by itself.
    exp_backoff_restart_delay: 100,
    // A bad configuration (EX_CONFIG of sysexits.h) is the one thing that no restart mends.
    stop_exit_codes: [78],
    // An instance takes 100 MB and up to CACHE_MAX_MB (64) on top. Thrice that is a leak: PM2 reloads the instance.
    max_memory_restart: '512M',

    // One file for all instances, in PM2's own folder; the lines say which process they come from. None under systemd (which
    // sets INVOCATION_ID) and Upstart (UPSTART_JOB): these write, and rotate, what PM2 prints.
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
 * post-deploy.sh make a release of it. docs/releases.md has the same by hand.
 */
export const deploy = {
  production: {
    user: 'app',
    host: ['example.com'],
    ref: 'origin/main',
    repo: 'git@example.com:app.git',
    path: '/srv/app/build',
    'post-deploy': 'sh deploy/pm2/post-deploy.sh',
  },
};

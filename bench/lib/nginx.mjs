import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ask } from './check.mjs';
import { headersOf, requestFor } from './load.mjs';
import { pin } from './pin.mjs';
import { median } from './statistics.mjs';
import { ServerProcess, freePort } from './server-process.mjs';

const PAGE = '/bench/page';

/**
 * Requests a second for a page of 200 rows: of the app, which makes it each time, and of nginx in front of it with the
 * micro-cache of deploy/nginx. One nginx worker, as there is one app process.
 */
export async function measureMicroCache(app, { load, rounds, milliseconds, directory, say }) {
  const nginx = await startNginx(app, directory);
  try {
    await pin([app, nginx], load);
    const headers = { ...headersOf({ proxied: false }), 'Accept-Encoding': 'identity' };
    await ask(nginx, PAGE, headers);
    const [direct, hit] = [await ask(app, PAGE, headers), await ask(nginx, PAGE, headers)];
    if (hit.headers['x-cache-status'] !== 'HIT')
      throw new Error(`nginx: ${hit.headers['x-cache-status']}, no HIT`);
    if (hit.body !== direct.body) throw new Error('nginx answers something else than the app');
    const rates = { app: [], nginx: [] };
    for (let round = 0; round <= rounds; round++) {
      for (const [name, { port }] of Object.entries({ app, nginx })) {
        say(`micro-cache: ${name}, round ${round} of ${rounds}`);
        const result = await load.run({ port, request: requestFor(PAGE, headers), milliseconds });
        if (result.errors > 0 || result.statuses[200] !== result.requests) throw new Error(`${name}: errors`);
        if (name === 'app') app.expectLines('"msg":"request"', result.requests);
        if (round > 0) rates[name].push((result.requests / result.milliseconds) * 1000);
      }
    }
    app.expectLines('"msg":"request"', 2);
    const ratio = median(rates.nginx.map((rate, round) => rate / rates.app[round]));
    return { app: median(rates.app), nginx: median(rates.nginx), ratio };
  } finally {
    await nginx.stop();
  }
}

/** nginx with the cache's settings from deploy/nginx, and no more than it takes to use them. */
async function startNginx(app, directory) {
  const folder = join(directory, 'nginx');
  await mkdir(folder);
  const port = await freePort();
  const source = await readFile(
    fileURLToPath(new URL('../../deploy/nginx/app/cache.conf', import.meta.url)),
    'utf8',
  );
  const cache = source
    .replace('/var/cache/nginx', folder)
    .replace('default off;', `default off;\n    0:${PAGE} answers;`);
  await writeFile(join(folder, 'nginx.conf'), nginxConf({ folder, port, app, cache }));
  const args = [
    '-p',
    folder,
    '-e',
    join(folder, 'error.log'),
    '-c',
    join(folder, 'nginx.conf'),
    '-g',
    'daemon off;',
  ];
  return ServerProcess.start({ name: 'nginx', command: 'nginx', args, directory, port });
}

function nginxConf({ folder, port, app, cache }) {
  // Started by root, its worker would be somebody who may not read the folder.
  const user = process.getuid?.() === 0 ? 'user root;' : '';
  return `
${user}
worker_processes 1;
pid ${folder}/nginx.pid;
events { worker_connections 1024; }
http {
  access_log ${folder}/access.log;
  keepalive_requests 1000000;
  sendfile on;
  tcp_nopush on;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  map $http_cookie $is_personal { default 1; '' 0; }
  ${cache}
  upstream app { server 127.0.0.1:${app.port}; keepalive 32; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://app;
      proxy_http_version 1.1;
      proxy_set_header Connection '';
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_cache $cache_zone;
      add_header X-Cache-Status $upstream_cache_status;
    }
  }
}
`;
}

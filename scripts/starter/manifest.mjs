// What can be removed from a clone: per part its files, its lines in files of others, its packages and scripts. `npm run init`
// and docs/remove-what-you-dont-need.md are made from this. How an edit is written: edits.mjs.

const PRACTICES = 'docs/practices.md';
const DEPLOY = 'deploy/README.md';

/** Removes a piece of a list within a line. */
const without = (file, ...pieces) => pieces.map((piece) => ({ file, replace: [piece, ''] }));

/** The template's own tests and limits, which a clone does not need. */
export const TEMPLATE_ONLY = {
  name: 'template',
  delete: [
    'tests/template/',
    'jest.template.config.mjs',
    '.github/workflows/nightly.yml',
    'tests/support/template-copy.ts',
    'tests/deploy/renamed.test.ts',
    'scripts/size.mjs',
    'tests/project/size.test.ts',
  ],
  packages: ['knip'],
  scripts: ['test:template', 'size'],
  edits: [
    { file: '.ci/run', lines: ["step 'test:template' npm run test:template"] },
    { file: 'docs/add-a-test.md', rows: ['`npm run test:template`'] },
    ...without('package.json', ' && npm run test:template'),
    { file: 'jest.config.mjs', lines: ["'/tests/template/',"] },
    {
      file: 'README.md',
      from: '## Make it yours',
      to: '[The parts](docs/remove-what-you-dont-need.md) can be removed later, too.',
    },
    {
      file: 'README.zh-TW.md',
      from: '## 改成您的專案',
      to: '這個指令把範本的名稱換成您的名稱，包括套件、systemd 單元、映像、Redis 的鍵、cookie 與文件；移除您不要的部分以及相關的測試與文件；並產生含有新密鑰的 `.env`。執行之前會先列出要做的事。不加選項時會逐項詢問。`--keep` 列出 deploy/ 中要保留的部署目標。[各個部分](docs/remove-what-you-dont-need.md)也可以之後再移除。',
    },
  ],
};

const EXAMPLES = [
  {
    name: 'companies',
    about: 'the example with a paged list, a search, a CSV stream, files, and data in Redis',
    delete: [
      'src/features/companies/',
      'data/',
      'tests/features/companies*.test.ts',
      'bench/lib/scale-companies.mjs',
      'bench/servers/feature-companies.mjs',
    ],
    packages: ['csv-stringify'],
    edits: [
      {
        file: 'src/features/index.ts',
        lines: [
          "import { companies } from './companies/index.ts';",
          "import { openCompanies } from './companies/open.ts';",
          'const repository = await openCompanies(toolkit);',
          "router.use('/api', companies(toolkit, repository));",
          'companies: repository,',
        ],
      },
      {
        file: 'src/features/index.ts',
        replace: ['export async function features(', 'export function features('],
      },
      {
        file: 'src/features/index.ts',
        where: 'return {\n  };',
        replace: ['Opened = Awaited<ReturnType<typeof features>>;', 'Opened = object;'],
      },
      { file: 'Dockerfile', lines: ['COPY data data', 'COPY --from=build /app/data data'] },
      {
        file: 'Dockerfile',
        replace: ['RUN chmod -R a+rX dist public data scripts', 'RUN chmod -R a+rX dist public scripts'],
      },
      { file: '.dockerignore', lines: ['!data'] },
      { file: '.prettierignore', lines: ['data/companies.json'] },
      { file: 'docs/performance.md', rows: ['companies: 100', 'companies: 100,000'] },
      { file: 'scripts/package.mjs', lines: ["'data',"] },
      ...without('tests/support/app-copy.ts', "'data', "),
      ...without('tests/support/cluster/releases.ts', "'data', "),
      ...without('tests/support/deploy/releases.ts', "'data', "),
      { file: 'tests/support/docs/snippets.ts', lines: ["'data',"] },
      ...without('tests/support/deploy/docker-project.ts', "'data/.env', "),
      ...without('bench/lib/app-under-test.mjs', "'data', "),
      {
        file: 'bench/lib/scale.mjs',
        lines: ["import { companies } from './scale-companies.mjs';", 'companies,'],
      },
      {
        file: 'bench/servers/feature.mjs',
        lines: ["import { addCompanies } from './feature-companies.mjs';", 'addCompanies(router, toolkit);'],
      },
      { file: 'tests/project/docs.test.ts', lines: ["'data',"] },
      {
        file: 'deploy/nginx/app/cache.conf',
        replace: ['0:/api/companies answers;', '# 0:/api/orders answers;'],
      },
    ],
  },
  {
    name: 'jobs',
    about: 'the example of a background job, which counts the companies',
    needs: ['companies'],
    delete: ['tests/features/jobs.test.ts'],
    edits: [
      {
        file: 'src/jobs/index.ts',
        from: '// The log shows when companies get lost.',
        to: '},',
      },
    ],
  },
  {
    name: 'home',
    about: 'the start page, with its forms for a try of login and change',
    needs: ['account', 'companies'],
    delete: [
      'src/features/home/',
      'public/app.js',
      'public/home.css',
      'tests/features/home.test.ts',
      'tests/browser/home.test.ts',
      'docs/images/start-page.webp',
    ],
    edits: [
      {
        file: 'src/features/index.ts',
        lines: [
          "import { demoForms } from './home/demo.ts';",
          "import { home } from './home/index.ts';",
          "if (users.demo) router.use('/demo', demoForms(toolkit, { users, companies: repository }));",
          "router.use('/', home(toolkit, { demo: users.demo, companies: repository }));",
        ],
      },
      {
        file: 'README.md',
        replace: ['Open <http://localhost:3000>.', 'The API is at <http://localhost:3000>.'],
      },
      {
        file: 'README.md',
        lines: [
          '![The start page: healthy, three next steps, and a response of the API beside the request](docs/images/start-page.webp)',
        ],
      },
      {
        file: 'README.zh-TW.md',
        lines: ['![起始頁面：運作正常、三個後續步驟，以及請求旁邊的 API 回應](docs/images/start-page.webp)'],
      },
      {
        file: 'README.zh-TW.md',
        replace: ['請開啟 <http://localhost:3000>。', 'API 位於 <http://localhost:3000>。'],
      },
      {
        file: 'src/session.ts',
        lines: ['/** How often the start page was seen. */', 'visits: v.optional(v.number()),'],
      },
    ],
  },
  {
    name: 'account',
    about: 'the login by name and password at `/api/session`; sessions stay, for a login of your own',
    delete: [
      'src/features/account/',
      'scripts/hash-password.mjs',
      'tests/features/account.test.ts',
      'tests/features/demo-password.test.ts',
      'tests/features/hash-password.test.ts',
      'tests/features/password.test.ts',
      'tests/features/users.test.ts',
      'tests/platform/cluster/demo-login.test.ts',
    ],
    scripts: ['hash-password'],
    packages: ['p-limit'],
    edits: [
      {
        file: 'src/features/index.ts',
        lines: [
          "import { account } from './account/index.ts';",
          "import { createUsers } from './account/users.ts';",
          'const users = createUsers(toolkit);',
          "router.use('/api/session', account(toolkit, users));",
        ],
      },
      { file: 'src/errors.ts', lines: ["LOGIN_FAILED: [401, 'Wrong user name or password'],"] },
      {
        file: 'src/config.ts',
        lines: [
          "import { randomBytes } from 'node:crypto';",
          "import { users } from './features/account/users-setting.ts';",
        ],
      },
      {
        file: 'src/config.ts',
        from: '/** Who may log in: a JSON array of { id, name, passwordHash }, mostly given as USERS_FILE. */',
        to: "DEMO_PASSWORD: v.optional(v.pipe(v.string(), v.minCodePoints(8, 'must have at least 8 characters'))),",
      },
      { file: 'src/config.ts', from: 'const settings = defineConfig(own, {', to: '});' },
      {
        file: 'src/config.ts',
        replace: [
          '/** The configuration: validated, complete and frozen. */',
          'const settings = defineConfig(own);\n\n/** The configuration: validated, complete and frozen. */',
        ],
      },
      {
        file: '.env.example',
        from: '# Who may log in: a JSON array of { "id", "name", "passwordHash" }. `npm run hash-password` prints a hash.',
      },
      ...without('Dockerfile', ' /app/scripts/hash-password.mjs'),
      { file: 'deploy/docker/README.md', rows: ['who may log in'] },
      {
        file: 'deploy/kubernetes/README.md',
        from: 'Who may log in: a hash comes from `docker run --rm -it registry.example.com/app:1.0.0 node scripts/hash-password.mjs`; put',
      },
      {
        file: 'docs/protect-a-route.md',
        from: '**Choose who may log in**: `USERS` is JSON, usually in a file that `USERS_FILE` names. `npm run -s hash-password` prints a hash:',
        to: 'For users in a database, write your own `UserDirectory` ([users.ts](../src/features/account/users.ts)): one function.',
      },
    ],
  },
  {
    name: 'todos',
    about: 'the first example of a feature: a list for each visitor, in the session',
    delete: ['src/features/todos/', 'tests/features/todos.test.ts'],
    edits: [
      {
        file: 'src/features/index.ts',
        lines: ["import { todos } from './todos/index.ts';", "router.use('/api/todos', todos(toolkit));"],
      },
      {
        file: 'src/session.ts',
        lines: ["/** The visitor's to-do list. */", 'todos: v.optional(v.array(v.string())),'],
      },
    ],
  },
];

/** The rows of a target: where its test is, and what to change for a longer drain. */
const practice = (...names) => ({ file: PRACTICES, rows: names });
const stop = (...names) => ({ file: 'docs/change-the-timeouts.md', rows: names });

/** Its section in deploy/README.md goes with the last target that needs one. */
const labs = (...others) => ({
  file: DEPLOY,
  when: others,
  from: '### Labs',
  to: "scripts with the same commands; with an empty `DOCKER_LAB` the tests use the machine's own engine.",
});

/** They compare the proxies, so they need all of them. */
const SOCKET_TESTS = ['tests/deploy/websockets.test.ts', 'tests/deploy/socket-io.test.ts'];

/** A row of the commands in both READMEs. */
const commandRow = (name) => [
  { file: 'README.md', rows: [name] },
  { file: 'README.zh-TW.md', rows: [name] },
];

const TARGETS = [
  {
    name: 'docker',
    about: 'the image and Compose',
    needs: ['nginx', 'redis'],
    delete: [
      'deploy/docker/',
      'Dockerfile',
      '.dockerignore',
      'docker-compose.yml',
      'tests/deploy/docker.test.ts',
      'tests/deploy/compose.test.ts',
      'tests/support/deploy/docker*.ts',
      'tests/lab/docker.sh',
    ],
    edits: [
      ...commandRow('`docker compose up`'),
      practice('Docker', 'Compose'),
      labs('systemd', 'ansible'),
      stop('Docker'),
      ...without('tests/project/line-ends.test.ts', "'deploy/docker/nginx.sh', "),
      { file: 'tests/project/line-ends.test.ts', lines: ["'Dockerfile',"] },
      ...without('tests/project/docs.test.ts', '|deploy\\/docker\\/app\\.env'),
      {
        file: 'deploy/redis/README.md',
        lines: ['Docker Compose does all of this for you ([../docker](../docker/README.md)).'],
      },
    ],
  },
  {
    name: 'swarm',
    about: 'the stack for Docker Swarm, on several hosts',
    needs: ['docker'],
    delete: [
      'deploy/swarm/',
      'tests/deploy/swarm.test.ts',
      'tests/support/deploy/swarm.ts',
      'tests/lab/swarm.sh',
    ],
    edits: [practice('Swarm'), stop('Swarm')],
  },
  {
    name: 'kubernetes',
    about: 'the manifests for Kubernetes (kustomize)',
    needs: ['docker'],
    delete: [
      'deploy/kubernetes/',
      'tests/deploy/kubernetes*.test.ts',
      'tests/support/deploy/kubernetes/',
      'tests/lab/kubernetes/',
    ],
    edits: [
      practice('Kubernetes'),
      stop('Kubernetes'),
      { file: DEPLOY, rows: ['`registry.example.com/app`', '`traefik`', '`monitoring`'] },
      {
        file: 'deploy/prometheus/prometheus.yml',
        from: '# In Kubernetes without the Prometheus Operator: each pod by its address, which it accepts, from the Service of',
        to: '# dns_sd_configs: [{ names: [app-metrics.app.svc], type: A, port: 9464 }]',
      },
    ],
  },
  {
    name: 'prometheus',
    about: 'scraping, alerts and a dashboard for Prometheus',
    delete: ['deploy/prometheus/', 'tests/deploy/prometheus.test.ts', 'tests/support/deploy/prometheus.ts'],
    edits: [
      practice('Prometheus'),
      { file: DEPLOY, lines: ['## What watches it'] },
      {
        file: DEPLOY,
        lines: [
          '[prometheus](prometheus): scraping, alerts with what to do for each, and a dashboard for Grafana.',
        ],
      },
      { file: DEPLOY, rows: ['`git.example.com/app`'] },
      {
        file: 'docs/monitor.md',
        from: '[deploy/prometheus](../deploy/prometheus/README.md) has the scrape configuration, recording rules, alerts and a dashboard for all of',
      },
      { file: 'docs/monitor.md', lines: ['## Set alerts'] },
      {
        file: 'docs/operations.md',
        replace: [
          'One paragraph per alert of [deploy/prometheus](../deploy/prometheus/README.md): what it means, where to look, what to do.',
          'One paragraph per alert that you may set: what it means, where to look, what to do.',
        ],
      },
      ...without(
        'deploy/kubernetes/components/service-monitor/service-monitor.yaml',
        ', as in deploy/prometheus/prometheus.yml',
      ),
      {
        file: 'deploy/kubernetes/components/service-monitor/service-monitor.yaml',
        lines: ['# As in deploy/prometheus/prometheus.yml, whose rules look at windows of 5 minutes.'],
      },
      ...without(
        'deploy/kubernetes/README.md',
        '; [../prometheus](../prometheus/README.md) has the rules and alerts',
      ),
      ...without('.ci/run', ' \\\n    prometheus prometheus-alertmanager prometheus-blackbox-exporter'),
    ],
  },
  {
    name: 'nginx',
    about: 'nginx, as the proxy in front',
    delete: [
      'deploy/nginx/',
      'tests/deploy/nginx*.test.ts',
      'tests/support/deploy/nginx.ts',
      ...SOCKET_TESTS,
    ],
    edits: [
      practice('nginx'),
      stop('nginx'),
      { file: PRACTICES, rows: ['Use a reverse proxy'] },
      {
        file: DEPLOY,
        rows: ['`/etc/nginx`', '`/var/cache/nginx`', '`/var/log/nginx`', '`/run/nginx.pid`'],
      },
      ...without(
        'src/platform/http/middleware/static.ts',
        ' deploy/nginx/app/static.conf has a pattern like it.',
      ),
    ],
  },
  {
    name: 'haproxy',
    about: 'HAProxy, as the load balancer in front',
    delete: [
      'deploy/haproxy/',
      'tests/deploy/haproxy.test.ts',
      'tests/support/deploy/haproxy.ts',
      ...SOCKET_TESTS,
    ],
    edits: [
      practice('HAProxy'),
      stop('HAProxy'),
      { file: DEPLOY, rows: ['`/etc/haproxy`', '`/var/lib/haproxy`', '`/run/haproxy`'] },
      { file: '.ci/run', replace: [' haproxy varnish', ' varnish'] },
    ],
  },
  {
    name: 'varnish',
    about: 'Varnish, as a shared cache',
    delete: [
      'deploy/varnish/',
      'tests/deploy/varnish.test.ts',
      'tests/support/deploy/varnish.ts',
      'tests/deploy/websockets.test.ts',
    ],
    edits: [
      practice('Varnish'),
      stop('Varnish'),
      { file: DEPLOY, rows: ['`/etc/varnish`'] },
      { file: '.ci/run', replace: [' haproxy varnish', ' haproxy'] },
    ],
  },
  {
    name: 'redis',
    about: 'the files of a Redis server: memory, users, TLS, Sentinel, Cluster',
    delete: [
      'deploy/redis/',
      'tests/deploy/redis.test.ts',
      'tests/support/deploy/redis.ts',
      'tests/support/deploy/redis-pressure.ts',
    ],
    edits: [
      practice('Redis'),
      {
        file: 'tests/platform/integration/jobs.test.ts',
        lines: [
          "import { readFile } from 'node:fs/promises';",
          "import { projectPath } from '../../../src/platform/config/paths.ts';",
        ],
      },
      {
        file: 'tests/platform/integration/jobs.test.ts',
        from: "test('need no more rights than the shipped configuration gives', async () => {",
        to: '});',
      },
      { file: DEPLOY, rows: ['`/etc/redis`', '`/var/lib/redis`', '`SENTINEL_PASSWORD`'] },
      {
        file: 'deploy/kubernetes/components/redis/redis.conf',
        lines: ['# The reasons are in deploy/redis/redis.conf.'],
      },
    ],
  },
  {
    name: 'pm2',
    about: 'PM2, alone and under systemd or Upstart',
    delete: [
      'deploy/pm2/',
      'ecosystem.config.js',
      'deploy/systemd/app-pm2.service',
      'deploy/upstart/app-pm2.conf',
      'tests/deploy/pm2.test.ts',
      'tests/deploy/pm2-deploy.test.ts',
      'tests/support/deploy/sshd.ts',
    ],
    edits: [
      ...commandRow('`pm2 start ecosystem.config.js`'),
      practice('PM2'),
      stop('PM2'),
      ...without(PRACTICES, '[ecosystem.config.js](../ecosystem.config.js) for PM2; '),
      { file: PRACTICES, replace: ['[pm2.test.ts](../tests/deploy/pm2.test.ts), ', ''] },
      {
        file: 'docs/monitor.md',
        from: 'Under PM2 there is no primary: each process serves its own metrics at `ADMIN_PORT` plus its instance number (9464, 9465 …).',
      },
      {
        file: 'deploy/systemd/README.md',
        from: '`app-pm2.service` runs PM2 as the service, with the app under it, for hosts that use PM2 already',
      },
      {
        file: 'deploy/upstart/README.md',
        replace: [
          '- **`app-pm2.conf`** runs PM2 as the job, with the app under it. New code and settings:\n  `sudo -u app PM2_HOME=/var/lib/app/pm2 pm2 reload app`. `reload app-pm2` does nothing; on Upstart 1.4 and 1.5, where its stanza\n  must be deleted, it ends PM2 and refuses clients. A bad configuration fails after two to three minutes.\n',
          '',
        ],
      },
      ...without(
        'deploy/docker/README.md',
        "- **No PM2 in the container.** The app's own primary restarts workers, and Docker restarts the container.\n",
      ),
      { file: 'scripts/package.mjs', lines: ["'ecosystem.config.js',"] },
      ...without('tests/support/deploy/releases.ts', ", 'ecosystem.config.js'"),
      ...without('tests/deploy/release.test.ts', " 'ecosystem.config.js',"),
      {
        file: 'tests/deploy/systemd.test.ts',
        lines: ["import { TEST_SECRET } from '../support/config.ts';"],
      },
      ...without('tests/deploy/systemd.test.ts', ' beforeEach,'),
      { file: 'tests/deploy/systemd.test.ts', replace: [", 'app-pm2.service'];", '];'] },
      ...without('tests/deploy/systemd.test.ts', ", 'app-pm2.service'"),
      {
        file: 'tests/deploy/systemd.test.ts',
        lines: [
          'await installPm2(machine, pm2Commands);',
          '// Its unit is installed by those who use PM2.',
          "await machine.in('cp', '/srv/app/current/deploy/systemd/app-pm2.service', '/etc/systemd/system/');",
        ],
      },
      {
        file: 'tests/deploy/systemd.test.ts',
        from: "describe('with PM2 as the service', () => {",
        to: '});',
      },
      {
        file: 'tests/deploy/systemd.test.ts',
        from: 'async function installPm2(machine: SystemdMachine, bin: string): Promise<void> {',
        to: '}',
      },
      {
        file: 'tests/deploy/systemd.test.ts',
        replace: ["'systemd', (pm2Commands) => {", "'systemd', () => {"],
      },
    ],
  },
  {
    name: 'forever',
    about: 'Forever',
    delete: ['deploy/forever/', 'tests/deploy/forever.test.ts'],
    edits: [practice('Forever')],
  },
  {
    name: 'strongloop-pm',
    about: 'the page for those who come from StrongLoop PM',
    delete: ['deploy/strongloop-pm/', 'tests/deploy/strongloop-pm.test.ts'],
    edits: [],
  },
  {
    name: 'systemd',
    about: 'the units for systemd, and the tests in a booted one',
    delete: [
      'deploy/systemd/',
      'tests/deploy/systemd.test.ts',
      'tests/support/deploy/systemd.ts',
      'tests/support/deploy/documented.ts',
      'tests/lab/systemd.sh',
    ],
    edits: [
      practice('systemd'),
      labs('docker', 'ansible'),
      stop('systemd'),
      ...without(
        'docs/operations.md',
        " With systemd's socket activation\n(deploy/systemd) a restart refuses no connection either.",
      ),
      { file: 'deploy/pm2/README.md', replace: ['; on boot: deploy/systemd/app-pm2.service', ''] },
      {
        file: 'docs/change-the-timeouts.md',
        replace: ['the lines of `app-pm2.service`, `app-pm2.conf`', 'the lines of `app-pm2.conf`'],
      },
    ],
  },
  {
    name: 'ansible',
    about: 'Ansible, for several hosts with systemd behind a balancer',
    needs: ['systemd', 'haproxy', 'nginx'],
    delete: [
      'deploy/ansible/',
      'tests/deploy/ansible.test.ts',
      'tests/support/deploy/hosts.ts',
      'tests/lab/hosts.sh',
    ],
    edits: [
      practice('Ansible'),
      {
        file: 'deploy/strongloop-pm/README.md',
        rows: ['deploying to several hosts, with control of the load balancer (as the guide has it)'],
      },
      ...without(
        PRACTICES,
        '; [deploy/ansible](../deploy/ansible) deploys to several hosts with control of the load balancer',
        ', [ansible.test.ts](../tests/deploy/ansible.test.ts)',
      ),
      ...without('.ci/run', ' ansible-core'),
    ],
  },
  {
    name: 'upstart',
    about: 'the jobs for Upstart',
    delete: ['deploy/upstart/', 'tests/deploy/upstart.test.ts'],
    edits: [
      practice('Upstart'),
      stop('Upstart'),
      {
        file: 'docs/change-the-timeouts.md',
        replace: ['the lines of `app-pm2.service`, `app-pm2.conf`', 'the lines of `app-pm2.service`'],
      },
      {
        file: 'tests/deploy/pm2.test.ts',
        from: "test('pm2-runtime loses nothing when it gets the reload signal of the Upstart job', async () => {",
        to: '}, 90_000);',
      },
      ...without('tests/deploy/pm2.test.ts', ' readFile,'),
    ],
  },
];

const ROUTE_METRICS = 'src/platform/http/route-metrics.ts';
const SERVE = 'src/platform/lifecycle/serve.ts';
const MESSAGES = 'src/platform/supervisor/messages.ts';
const WORKER = 'src/platform/supervisor/worker.ts';

const REST = [
  {
    name: 'api-docs',
    about: 'the document of the API (OpenAPI) and its pages; `endpoint()` stays',
    delete: [
      'src/platform/openapi/',
      'public/api-docs.js',
      'public/api-docs.css',
      'tests/browser/api-docs.test.ts',
      'scripts/openapi.mjs',
      'docs/describe-your-api.md',
      'docs/images/api-docs.webp',
      'tests/features/api.test.ts',
      'tests/platform/integration/openapi.test.ts',
      'tests/support/openapi*',
    ],
    packages: ['@valibot/to-json-schema', '@redocly/openapi-core', 'ajv', 'openapi-typescript'],
    scripts: ['openapi'],
    edits: [
      {
        file: 'src/app.ts',
        lines: [
          "import { ERRORS } from './errors.ts';",
          'if (config.API_DOCS) app.use(apiDocs(app, docsOptions(tools)));',
          "import { apiDocs } from './platform/openapi/index.ts';",
        ],
      },
      { file: 'src/app.ts', from: '/** What the document of the API says beside the routes. */', to: '}' },
      {
        file: 'src/platform/config/settings.ts',
        lines: ['API_DOCS: v.optional(f.flag()),', 'API_DOCS: values.API_DOCS ?? isDevelopment,'],
      },
      {
        file: '.env.example',
        lines: [
          '# The document of the API at /openapi.json and /docs, for everybody. Unset: in development only.',
          '#API_DOCS=on',
        ],
      },
      { file: 'src/platform/README.md', rows: ['[openapi](openapi/README.md)'] },
      {
        file: 'src/features/home/index.ts',
        lines: ["...(config.API_DOCS && { '/docs': 'The API, with a form to try each GET' }),"],
      },
      {
        file: 'docs/architecture.md',
        lines: ['11. [the document of the API](../src/platform/openapi/pages.ts), where `API_DOCS` is on'],
      },
      { file: 'docs/architecture.md', replace: ['12. [static files]', '11. [static files]'] },
      { file: 'docs/architecture.md', replace: ['13. [404, and', '12. [404, and'] },
      ...commandRow('`npm run openapi`'),
      ...without('README.md', ' [its description](docs/describe-your-api.md) ·'),
      ...without('README.zh-TW.md', ' [路由的說明](docs/describe-your-api.md) ·'),
    ],
  },
  {
    name: 'operations-page',
    about: 'the operations page on the admin port, which then has `/metrics` alone',
    delete: [
      'src/platform/operations/',
      'src/platform/lifecycle/operations.ts',
      'src/platform/supervisor/operations.ts',
      'docs/operations-page.md',
      'docs/images/operations-page.webp',
      'docs/images/flame-graph.webp',
      'tests/platform/unit/operations*.test.ts',
      'tests/browser/operations.test.ts',
      'tests/platform/integration/operations-one-process.test.ts',
      'tests/platform/cluster/operations.test.ts',
      'tests/support/admin.ts',
      'bench/lib/operations.mjs',
    ],
    packages: ['uplot'],
    edits: [
      {
        file: ROUTE_METRICS,
        lines: [
          "import type { Activity } from '../operations/activity.ts';",
          'activity?.add({ method, route, status, ms, code, requestId, error });',
        ],
      },
      ...without(
        ROUTE_METRICS,
        ', activity?: Activity',
        ', problemCode: code, err: error',
        ', id: requestId',
      ),
      {
        file: ROUTE_METRICS,
        replace: [
          "import type { Request, Response } from 'express';",
          "import type { Request } from 'express';",
        ],
      },
      ...without(ROUTE_METRICS, ' as Response'),
      {
        file: SERVE,
        lines: [
          "import { watchActivity } from './operations.ts';",
          'const activity = watchActivity(config, opened);',
          'activity,',
        ],
      },
      { file: SERVE, replace: ['observeResponse(metrics, activity)', 'observeResponse(metrics)'] },
      { file: SERVE, replace: ['{ ...opened, connections, activity }', 'opened'] },
      {
        file: 'src/platform/lifecycle/admin.ts',
        lines: ['const operations = await openOperations(booted, parts, access);'],
      },
      {
        file: 'src/platform/lifecycle/admin.ts',
        replace: [
          "import type { Boot } from './boot.ts';\nimport { listenForMetrics } from './listen.ts';\nimport { openOperations, type ProcessParts } from './operations.ts';",
          "import type { OpenApp } from './app-parts.ts';\nimport type { Boot } from './boot.ts';\nimport { listenForMetrics } from './listen.ts';",
        ],
      },
      {
        file: 'src/platform/lifecycle/admin.ts',
        replace: ['parts: ProcessParts', "parts: Pick<OpenApp, 'metrics'>"],
      },
      ...without('src/platform/lifecycle/admin.ts', ', operations?.handler', 'const port = '),
      {
        file: 'src/platform/lifecycle/admin.ts',
        from: '// There is no control socket to ask for it; in production ADMIN_TOKEN sets one.',
        to: '}',
      },
      {
        file: 'src/platform/lifecycle/README.md',
        replace: ['`admin.ts`, `operations.ts`', '`admin.ts`                '],
      },
      {
        file: 'src/platform/supervisor/admin.ts',
        lines: [
          "import { linkTo, openOperations } from './operations.ts';",
          'const operations = await openOperations(booted, supervisor, access);',
          'return { operations, link: () => ({ url: linkTo(config.ADMIN_HOST, port, access) }) };',
        ],
      },
      ...without(
        'src/platform/supervisor/admin.ts',
        ', operations?.handler',
        'const port = ',
        ' @returns what ends its streams, and the address of the operations page.',
      ),
      {
        file: 'src/platform/supervisor/cluster.ts',
        lines: [
          'let admin: Awaited<ReturnType<typeof serveAdmin>> | undefined = undefined;',
          'admin?.operations?.close();',
        ],
      },
      ...without('src/platform/supervisor/cluster.ts', 'admin = '),
      {
        file: 'src/platform/supervisor/cluster.ts',
        replace: ['{ ...commands, admin: admin.link }', 'commands'],
      },
      {
        file: MESSAGES,
        lines: [
          "'admin',",
          '/** A request failed. */',
          "| { readonly type: 'error'; readonly error: ErrorRow }",
        ],
      },
      ...without(
        MESSAGES,
        "import type { ErrorRow, Report } from '../operations/index.ts';\n\n",
        '; readonly report?: Report | undefined',
      ),
      {
        file: 'src/platform/supervisor/commands.ts',
        lines: ["case 'admin':", 'return String(fields.url);'],
      },
      ...without(
        'src/platform/supervisor/commands.ts',
        ', and the operations page; beside it, `npm run ctl` prints the address of that page',
      ),
      {
        file: 'src/platform/supervisor/commands.ts',
        replace: ["Exclude<Command, 'admin'>", 'Command'],
      },
      {
        file: 'src/platform/supervisor/ctl.ts',
        lines: [
          'npm run ctl -- admin                        prints the link to the operations page, with its token',
        ],
      },
      {
        file: WORKER,
        lines: [
          "import type { Activity } from '../operations/index.ts';",
          "/** For the primary's operations page. */",
          'readonly activity: Activity | undefined;',
          'report: activity?.take(),',
          'const stack = this.#options.activity?.exposeErrors ? stackOf(error) : undefined;',
        ],
      },
      { file: WORKER, from: 'options.activity?.onError((error) => {', to: '});' },
      { file: WORKER, replace: ['const { metrics, activity } =', 'const { metrics } ='] },
      ...without(WORKER, ', stackOf', ', report: this.#options.activity?.take()', ', stack'),
      { file: 'scripts/build.mjs', lines: ['copyPage();'] },
      {
        file: 'scripts/build.mjs',
        from: "/** What browsers get as it is, with the charts' library beside it. */",
      },
      { file: 'scripts/build.mjs', from: '/** The declarations in it are for tests. */', to: '}' },
      ...without('scripts/build.mjs', 'cpSync, ', ', and copies the operations page beside it'),
      { file: 'eslint.config.mjs', from: '/** What a browser runs as it is. */' },
      { file: 'eslint.config.mjs', lines: ['inBrowsers,'] },
      { file: 'src/platform/README.md', rows: ['[operations](operations/README.md)'] },
      { file: 'deploy/kubernetes/README.md', rows: ['`port-forward` to 9464 is refused'] },
      ...without('.env.example', ' and the operations page', ', which\n# `npm run ctl -- admin` prints'),
      ...without('src/platform/supervisor/README.md', ' and the operations page'),
      {
        file: 'src/platform/supervisor/README.md',
        replace: ['`/metrics`, and the page of `operations.ts`', '`/metrics`'],
      },
      {
        file: 'docs/operations.md',
        lines: [
          'npm run -s ctl -- admin                      # the link to the operations page (operations-page.md)',
        ],
      },
      {
        file: 'src/features/home/index.ts',
        lines: ["'docs/operations-page.md': 'See and steer the running app: live charts, flame graphs',"],
      },
      {
        file: 'bench/bench.mjs',
        lines: [
          "import { measureOperations } from './lib/operations.mjs';",
          "extras.operations = await extra('operations', () => measureOperations(start, often));",
        ],
      },
      {
        file: 'bench/lib/extras.mjs',
        lines: [
          "operations: { what: 'what the operations page costs', packages: ['redis-server'] },",
          'for (const [name, title] of Object.entries(OPERATIONS))',
          'if (operations) rows.push(shareRow(title, operations[name]));',
        ],
      },
      {
        file: 'docs/performance.md',
        from: '**The operations page** costs nothing that a run can tell: with nobody watching +0.6 ± 7.5 %, with one page open +1.5 ± 5.0 %, with ten',
      },
      { file: 'bench/lib/extras.mjs', from: 'const OPERATIONS = {', to: '};' },
      { file: 'bench/lib/extras.mjs', from: 'function shareRow(title, { ratio, error }) {', to: '}' },
      ...without('bench/lib/extras.mjs', ' operations,'),
      { file: 'bench/lib/servers.mjs', from: 'withOperations: async () => {', to: '},' },
      {
        file: 'bench/lib/servers.mjs',
        lines: ["export const OPERATIONS_TOKEN = randomBytes(32).toString('hex');"],
      },
      ...without('bench/lib/servers.mjs', 'freePort, '),
      ...without('tests/scripts/bench-options.test.ts', "'operations', "),
      ...without('README.md', '[the operations page](docs/operations-page.md) · '),
      ...without('README.zh-TW.md', '[維運頁面](docs/operations-page.md) · '),
    ],
  },
  {
    name: 'bench',
    about: 'the benchmark, which measures the cache of nginx too',
    needs: ['nginx'],
    delete: ['bench/', 'tests/scripts/bench*.test.ts', 'docs/performance.md', 'docs/performance*.svg'],
    scripts: ['bench', 'soak'],
    edits: [
      { file: 'README.md', rows: ['`bench/`'] },
      { file: 'README.zh-TW.md', rows: ['`bench/`'] },
      {
        file: 'docs/add-a-test.md',
        replace: ['`new`, `console` and the benchmark', '`new` and `console`'],
      },
      { file: 'tests/project/docs.test.ts', lines: ["'bench',"] },
    ],
  },
  {
    name: 'browser-tests',
    about: 'the tests of the pages in a real browser',
    delete: [
      'tests/browser/',
      'tests/support/browser.ts',
      'tests/support/dom.d.ts',
      'jest.browser.config.mjs',
    ],
    packages: ['playwright-core', 'axe-core'],
    scripts: ['test:browser'],
    edits: [
      { file: 'docs/add-a-test.md', rows: ['`npm run test:browser`'] },
      {
        file: 'docs/add-a-test.md',
        from: "The suites in a browser use Debian's `chromium`, Chrome, or the program at `CHROMIUM_PATH`, and are likewise skipped without one. They",
        to: 'write their screenshots to `SCREENSHOTS_DIR`, by default to a folder beside the tests.',
      },
      {
        file: 'docs/add-a-test.md',
        lines: [
          '- `tests/browser/`: pages, in a real browser.',
          '- **In a browser**: `describeInBrowser` of `tests/support/browser.ts` opens pages. A test fails on any error in the console, failed',
          'request or violation of the CSP that it did not name by `expectProblem`. `expectGoodLooks` runs axe and keeps screenshots.',
        ],
      },
      ...without('package.json', ' && npm run test:browser'),
      { file: 'jest.config.mjs', lines: ["'/tests/browser/',"] },
      { file: '.gitignore', lines: ['tests/browser/screenshots/'] },
      {
        file: '.ci/run',
        lines: [
          "step 'test:browser' npm run test:browser",
          "# GitHub's machines have Chrome, and Ubuntu has no such package.",
          'command -v google-chrome >/dev/null || apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null',
        ],
      },
      {
        file: '.github/workflows/ci.yml',
        lines: ["# In the Chrome that is on GitHub's machines.", '- run: npm run test:browser'],
      },
    ],
  },
  {
    name: 'soak',
    about: 'the long tests of many reloads',
    delete: ['tests/soak/', 'jest.soak.config.mjs'],
    scripts: ['test:soak'],
    edits: [
      { file: 'docs/add-a-test.md', rows: ['`npm run test:soak`'] },
      ...without('docs/add-a-test.md', ', `tests/soak/`'),
      ...without(PRACTICES, ', `npm run test:soak`'),
      ...without('package.json', ' && npm run test:soak'),
      { file: '.ci/run', lines: ["step 'test:soak (short)' env RELOADS=5 npm run test:soak"] },
      { file: 'jest.config.mjs', lines: ["'/tests/soak/',"] },
    ],
  },
  {
    name: 'readme-zh-tw',
    about: 'the README in Chinese',
    delete: ['README.zh-TW.md', 'tests/project/readme-translation.test.ts', 'tests/support/docs/outline.ts'],
    edits: [
      {
        file: 'README.md',
        from: 'English · [繁體中文](README.zh-TW.md)',
        to: 'English · [繁體中文](README.zh-TW.md)',
      },
    ],
  },
];

/**
 * The parts, in the order in which init asks for them. `needs` names parts without which one does not work;
 * `target` marks what --keep chooses from.
 */
export const PARTS = [...EXAMPLES, ...TARGETS.map((part) => ({ ...part, target: true })), ...REST];

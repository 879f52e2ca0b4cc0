import { execFile } from 'node:child_process';
import { cpSync } from 'node:fs';
import { createServer as createHttpServer, type Server } from 'node:http';
import { createServer } from 'node:https';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { AppHost, CLUSTER, PASSWORD } from '../support/deploy/app-host.ts';
import { ask } from '../support/deploy/ask.ts';
import { makeCertificate } from '../support/deploy/certificate.ts';
import { Daemon } from '../support/deploy/daemon.ts';
import { Load } from '../support/deploy/load.ts';
import {
  asGrafana,
  dashboard,
  dashboardQueries,
  hasNumbers,
  parseFile,
  query,
  rulesOf,
  selectorsIn,
} from '../support/deploy/prometheus.ts';
import { repositoryPath, WorkFolder } from '../support/deploy/render.ts';
import { describeWith } from '../support/deploy/tools.ts';
import { until } from '../support/deploy/until.ts';
import { anchorsOf } from '../support/docs/markdown.ts';
import { freePort, RedisServer } from '../support/redis-server.ts';

const run = promisify(execFile);
const SOURCE = repositoryPath('deploy/prometheus');
const alerts = rulesOf('alerts.yml');

/** A command's exit code and what it said. */
async function tool(binary: string, ...args: string[]): Promise<{ code: number; output: string }> {
  const options = { cwd: SOURCE };
  try {
    const { stdout, stderr } = await run(binary, args, options);
    return { code: 0, output: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, output: stdout + stderr };
  }
}

async function copied(use: (folder: WorkFolder) => Promise<void>): Promise<void> {
  const folder = await WorkFolder.create('prometheus');
  try {
    cpSync(SOURCE, folder.path, { recursive: true });
    await use(folder);
  } finally {
    await folder.remove();
  }
}

describe('the alerts', () => {
  const names = alerts.map(({ alert = '' }) => alert);

  test.each(alerts)('$alert says how urgent it is, what is wrong, and where to read on', (rule) => {
    const { alert = '', labels, annotations } = rule;
    expect(['page', 'ticket']).toContain(labels?.severity);
    expect(annotations?.summary).toMatch(/\w/);
    const [, anchor = ''] = annotations?.runbook_url?.split('/docs/operations.md#') ?? [];
    expect(anchor).toBe(alert.toLowerCase());
    expect(anchorsOf('docs/operations.md')).toContain(anchor);
  });

  test('are each tested firing and silent', () => {
    interface Check {
      readonly alertname: string;
      readonly exp_alerts: readonly unknown[];
    }
    const { tests } = parseFile('rules.test.yml') as { tests: { alert_rule_test: Check[] }[] };
    const checks = tests.flatMap(({ alert_rule_test }) => alert_rule_test);
    const of = (isFiring: boolean) =>
      new Set(
        checks
          .filter(({ exp_alerts }) => exp_alerts.length > 0 === isFiring)
          .map(({ alertname }) => alertname),
      );
    expect([...of(true)].sort()).toEqual([...names].sort());
    expect([...of(false)].sort()).toEqual([...names].sort());
  });
});

describe('the dashboard', () => {
  const panels = dashboard().panels;

  test('has panels that can be told apart', () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    expect(new Set(panels.map(({ title }) => title)).size).toBe(panels.length - 1);
    expect(panels.filter(({ type, targets = [] }) => type !== 'row' && targets.length === 0)).toEqual([]);
  });

  test('asks for nothing by a variable that it does not have', () => {
    const own = dashboard().templating.list.map(({ name }) => name);
    const used = dashboardQueries().flatMap(([, expr]) => expr.match(/(?<=\$)\w+/g) ?? []);
    expect([...new Set(used)].filter((name) => !own.includes(name))).toEqual(['__rate_interval']);
  });
});

describeWith(['prometheus'], 'the files of deploy/prometheus', () => {
  test('are taken by Prometheus, with the pods of Kubernetes too', async () => {
    expect(await tool('promtool', 'check', 'config', 'prometheus.yml')).toMatchObject({ code: 0 });
    await copied(async (folder) => {
      folder.change('prometheus.yml', ['    # dns_sd_configs:', '    dns_sd_configs:']);
      expect(await tool('promtool', 'check', 'config', folder.join('prometheus.yml'))).toMatchObject({
        code: 0,
      });
    });
  });

  test('have rules that fire and are silent when they are to', async () => {
    const { code, output } = await tool('promtool', 'test', 'rules', 'rules.test.yml');
    expect(output).toContain('SUCCESS');
    expect(code).toBe(0);
  });

  test.each([
    ['alerts.yml', '< 14 * 86400', '< 7 * 86400'],
    ['alerts.yml', 'reason=~"crash|hang|boot"', 'reason=~"crashed|hang|boot"'],
    ['alerts.yml', '{job="app", outcome="aborted"}', '{job="app", outcome="abort"}'],
    ['alerts.yml', 'redis_up{job="app"}) == 0', 'redis_up{job="app"}) < 0'],
    ['recording.yml', 'state=~"hit|stale"', 'state=~"hits|stale"'],
    ['recording.yml', 'status=~"5.."', 'status=~"4.."'],
    [
      'recording.yml',
      'histogram_quantile(0.99, sum by (job, le)',
      'histogram_quantile(0.5, sum by (job, le)',
    ],
  ])(
    '%s with %s as %s fails its test',
    async (file, from, to) => {
      await copied(async (folder) => {
        folder.change(file, [from, to]);
        expect(await tool('promtool', 'test', 'rules', folder.join('rules.test.yml'))).toMatchObject({
          code: 1,
        });
      });
    },
    300_000,
  );

  test('are taken by Alertmanager, which wakes somebody up for a page alone', async () => {
    expect(await tool('amtool', 'check-config', 'alertmanager.yml')).toMatchObject({ code: 0 });
    const receiver = async (...labels: string[]) => {
      const { output } = await tool(
        'amtool',
        ...['config', 'routes', 'test', '--config.file', 'alertmanager.yml', ...labels],
      );
      return output.split('\n')[0];
    };
    expect(await receiver('severity=page', 'alertname=AppDown')).toBe('on-call');
    expect(await receiver('severity=ticket', 'alertname=AppSlow')).toBe('tickets');
    const { inhibit_rules } = parseFile('alertmanager.yml') as { inhibit_rules: object[] };
    const mentioned = JSON.stringify(inhibit_rules).match(/App\w+(?:\.\*)?/g) ?? [];
    const unknown = mentioned.filter(
      (name) => !alerts.some(({ alert = '' }) => new RegExp(`^${name}$`).test(alert)),
    );
    expect(unknown).toEqual([]);
  });

  test('are taken by the blackbox exporter', async () => {
    const { code } = await tool(
      'prometheus-blackbox-exporter',
      '--config.check',
      '--config.file',
      'blackbox.yml',
    );
    expect(code).toBe(0);
  });
});

const DOMAIN = 'site.example.com';
const SCRAPE_SECONDS = 1;

describeWith(['prometheus', 'redis', 'openssl'], 'Prometheus, in front of a cluster under load', () => {
  let folder: WorkFolder;
  let redis: RedisServer;
  let cluster: AppHost;
  let single: AppHost;
  let load: Load;
  let url: string;
  let alertmanagerUrl: string;
  const daemons: Daemon[] = [];
  const servers: Server[] = [];
  const received: { path: string; body: string }[] = [];

  beforeAll(async () => {
    folder = await WorkFolder.create('prometheus');
    redis = await RedisServer.start();
    const ports = { cluster: await freePort(), single: await freePort() };
    const settings = { REDIS_URL: redis.url, SESSION_COOKIE_SECURE: 'off', WEB_CONCURRENCY: '2' };
    cluster = await AppHost.start({ ...settings, ADMIN_PORT: String(ports.cluster) }, CLUSTER);
    // As under PM2 or in Kubernetes: without a supervisor.
    single = await AppHost.start({ ...settings, ADMIN_PORT: String(ports.single) });
    const site = await startSite();
    const blackbox = await startExporter();
    const alertmanager = await startAlertmanager(await startReceiver());
    alertmanagerUrl = `http://127.0.0.1:${alertmanager}`;
    url = await startPrometheus({ ...ports, site, blackbox, alertmanager });
    load = new Load({
      url: cluster.url,
      requests: [{ path: '/' }, { path: '/api/items' }, { path: '/api/items/7' }],
      lanes: 3,
      pauseMs: 50,
    });
  }, 120_000);
  afterAll(async () => {
    load.kill();
    for (const daemon of daemons.reverse()) await daemon.stop();
    for (const server of servers) server.close();
    await Promise.all([cluster.stop(), single.stop()]);
    await redis.stop();
    await folder.remove();
  }, 60_000);

  /** What the blackbox exporter looks at. */
  async function startSite(): Promise<number> {
    await makeCertificate(folder.path, DOMAIN);
    const [cert, key] = await Promise.all(
      ['fullchain.pem', 'privkey.pem'].map((name) => readFile(folder.join(name))),
    );
    const port = await freePort();
    servers.push(createServer({ cert, key }, (_req, res) => res.end('ok')).listen(port, '127.0.0.1'));
    return port;
  }

  async function startReceiver(): Promise<number> {
    const port = await freePort();
    const server = createHttpServer((req, res) => {
      let body = '';
      req.on('data', (chunk: Buffer) => (body += chunk.toString()));
      req.on('end', () => {
        received.push({ path: req.url ?? '', body });
        res.end();
      });
    });
    servers.push(server.listen(port, '127.0.0.1'));
    return port;
  }

  async function startDaemon(
    binary: string,
    path: string,
    args: readonly string[],
    env = {},
  ): Promise<number> {
    const port = await freePort();
    const ready = async () =>
      (await ask({ url: `http://127.0.0.1:${port}${path}` }).catch(() => undefined))?.status === 200;
    daemons.push(
      await Daemon.start(binary, [...args, `--web.listen-address=127.0.0.1:${port}`], {
        ready,
        env,
        cwd: folder.path,
      }),
    );
    return port;
  }

  async function startExporter(): Promise<number> {
    cpSync(`${SOURCE}/blackbox.yml`, folder.join('blackbox.yml'));
    // The name of the site resolves nowhere: the exporter connects to 127.0.0.1 and asks for it.
    folder.change('blackbox.yml', [
      'fail_if_not_ssl: true',
      `fail_if_not_ssl: true\n      tls_config: { server_name: ${DOMAIN} }`,
    ]);
    return startDaemon('prometheus-blackbox-exporter', '/-/healthy', ['--config.file=blackbox.yml'], {
      SSL_CERT_FILE: folder.join('fullchain.pem'),
    });
  }

  async function startAlertmanager(receiver: number): Promise<number> {
    cpSync(`${SOURCE}/alertmanager.yml`, folder.join('alertmanager.yml'));
    folder.change('alertmanager.yml', ['127.0.0.1:9095', `127.0.0.1:${receiver}`]);
    folder.change('alertmanager.yml', ['group_wait: 30s', 'group_wait: 1s']);
    return startDaemon('prometheus-alertmanager', '/-/ready', [
      ...['--config.file=alertmanager.yml', '--storage.path=alertmanager', '--cluster.listen-address='],
    ]);
  }

  interface Ports {
    readonly cluster: number;
    readonly single: number;
    readonly site: number;
    readonly blackbox: number;
    readonly alertmanager: number;
  }

  /** The shipped files, but for ports, and with a second where they have half a minute. */
  async function startPrometheus(ports: Ports): Promise<string> {
    for (const file of ['prometheus.yml', 'recording.yml', 'alerts.yml'])
      cpSync(`${SOURCE}/${file}`, folder.join(file));
    for (const change of [
      ["'127.0.0.1:9464'", `'127.0.0.1:${ports.cluster}', '127.0.0.1:${ports.single}'`],
      ['127.0.0.1:9093', `127.0.0.1:${ports.alertmanager}`],
      ['127.0.0.1:9115', `127.0.0.1:${ports.blackbox}`],
      ['https://example.com/', `https://127.0.0.1:${ports.site}/`],
      ['scrape_interval: 15s', `scrape_interval: ${SCRAPE_SECONDS}s`],
      ['evaluation_interval: 15s', `evaluation_interval: ${SCRAPE_SECONDS}s`],
      ['scrape_interval: 30s', `scrape_interval: ${SCRAPE_SECONDS}s`],
      ['scrape_timeout: 10s', `scrape_timeout: ${SCRAPE_SECONDS}s`],
    ] as const) {
      folder.change('prometheus.yml', change);
    }
    for (const time of ['for: 1m', 'for: 2m']) folder.change('alerts.yml', [time, 'for: 2s']);
    const port = await startDaemon('prometheus', '/-/ready', [
      ...['--config.file=prometheus.yml', '--storage.tsdb.path=data'],
    ]);
    return `http://127.0.0.1:${port}`;
  }

  const returnsData = async (promql: string) => hasNumbers(await query(url, promql));

  const login = (password: string) =>
    ask({
      url: `${cluster.url}/api/session`,
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ name: 'ada', password }),
    });

  test('every target is up', async () => {
    await until('all are scraped', async () => (await query(url, 'up == 1')).length === 3, { seconds: 60 });
    expect(await query(url, 'up == 0')).toEqual([]);
  });

  test('every query of the dashboard returns data', async () => {
    expect((await login('wrong password')).status).toBe(401);
    expect((await login(PASSWORD)).status).toBe(201);
    await load.goOn(200);
    await cluster.reload();
    const missing = new Map(
      dashboardQueries().map(([title, expr]) => [
        `${title}: ${expr}`,
        asGrafana(expr, { job: 'app', scrapeSeconds: SCRAPE_SECONDS }),
      ]),
    );
    await until(
      'every query has returned data',
      async () => {
        for (const [title, promql] of missing) if (await returnsData(promql)) missing.delete(title);
        return missing.size === 0;
      },
      { seconds: 90 },
    ).catch((error: unknown) => {
      throw new Error(`no data: ${[...missing.keys()].join('; ')}`, { cause: error });
    });
    expect(missing.size).toBe(0);
  }, 120_000);

  test('Redis away is one page, and what follows from it is none', async () => {
    const { headers } = await login(PASSWORD);
    const cookie = headers['set-cookie']?.[0]?.split(';', 1)[0] ?? '';
    const firing = (alert: string) => query(url, `ALERTS{alertname="${alert}", alertstate="firing"}`);
    const pages = () => received.filter(({ path }) => path === '/page').map(({ body }) => body);
    await redis.kill();
    await until('somebody is told', () => pages().some((body) => body.includes('AppRedisAway')), {
      seconds: 60,
    });
    // Only now: in the 30 s that Alertmanager waits by default, the order would not matter.
    await until(
      'sessions are refused for long enough',
      async () => {
        await ask({ url: `${cluster.url}/api/session`, headers: { Cookie: cookie } });
        return (await firing('AppSessionStoreFailing')).length > 0;
      },
      { seconds: 90 },
    );
    await until('Alertmanager keeps that to itself', async () => {
      const filter = encodeURIComponent('alertname="AppSessionStoreFailing"');
      const { text } = await ask({ url: `${alertmanagerUrl}/api/v2/alerts?filter=${filter}` });
      const [alert] = JSON.parse(text) as { status: { inhibitedBy: string[] } }[];
      return alert !== undefined && alert.status.inhibitedBy.length > 0;
    });
    expect(pages().filter((body) => body.includes('AppSessionStoreFailing'))).toEqual([]);
    await redis.restart();
    await until('the alert is over', async () => (await firing('AppRedisAway')).length === 0, {
      seconds: 60,
    });
  }, 240_000);

  test('alerts look at series that are there', async () => {
    // The outage of Redis has made the errors that some of them look at; a job that fails is not available here.
    const missing = new Set(
      alerts.flatMap(({ expr }) => selectorsIn(expr)).filter((one) => !one.includes('outcome="failed"')),
    );
    await until(
      'every series is there',
      async () => {
        for (const selector of missing) if ((await query(url, selector)).length > 0) missing.delete(selector);
        return missing.size === 0;
      },
      { seconds: 60 },
    ).catch((error: unknown) => {
      throw new Error(`nothing has: ${[...missing].join('; ')}`, { cause: error });
    });
    expect(missing.size).toBe(0);
  }, 90_000);

  test('bounds that alerts compare durations with are bounds of buckets, so that shares are exact', async () => {
    const bounds = (await query(url, 'count by (le) (http_request_duration_seconds_bucket)')).map(
      ({ metric }) => Number(metric.le),
    );
    const [, threshold] =
      /p99_rate5m > (\S+)/.exec(alerts.find(({ alert }) => alert === 'AppSlow')?.expr ?? '') ?? [];
    expect(bounds).toContain(Number(threshold));
  });

  test('a site with a certificate for two days is one whose certificate expires', async () => {
    const expr = alerts.find(({ alert }) => alert === 'AppCertificateExpires')?.expr ?? '';
    const [left] = await query(url, expr);
    expect(Number(left?.value[1])).toBeLessThan(2 * 86_400);
  });
});

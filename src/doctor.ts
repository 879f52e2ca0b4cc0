import { parseArgs } from 'node:util';
import { inspectForProduction } from './config.ts';
import { findAll, type Finding } from './platform/doctor/index.ts';

const USAGE = `Checks the configuration for production without starting the app.

  npm run doctor                  one line per finding
  npm run -s doctor -- --json     { "ok": …, "findings": [{ "check", "level", "message" }] }
  npm run doctor -- --strict      warnings count as errors

Run it as the app's user, with the app's environment. Exit codes: 0 no error, 1 at least one, 2 wrong usage.
`;

const OPTIONS = {
  json: { type: 'boolean', default: false },
  strict: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

async function main(): Promise<number> {
  const options = parseOptions();
  if (options === undefined || options.help) {
    (options ? process.stdout : process.stderr).write(USAGE);
    return options ? 0 : 2;
  }
  const { report, nodeEnv } = inspectForProduction();
  const findings = await findAll(report, nodeEnv);
  const ok = !findings.some(({ level }) => options.strict || level === 'error');
  process.stdout.write(options.json ? `${JSON.stringify({ ok, findings })}\n` : findings.map(line).join(''));
  if (!options.json && findings.length === 0) process.stderr.write('nothing found: fit for production\n');
  return ok ? 0 : 1;
}

function parseOptions() {
  try {
    return parseArgs({ options: OPTIONS }).values;
  } catch {
    return undefined;
  }
}

function line({ level, check, message }: Finding): string {
  return `${level}: ${check}: ${message}\n`;
}

process.exitCode = await main();

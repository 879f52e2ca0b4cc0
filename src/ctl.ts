import { ConfigError, EXIT_BAD_CONFIG, loadControlSocket } from './platform/config/index.ts';
import { sendCommand, type Status, statusTable, Unreachable } from './platform/supervisor/index.ts';

const USAGE = `Controls the app that npm start runs.

  npm run ctl -- status                       what runs, and how it is
  npm run ctl -- reload                       new workers for the old ones, one at a time; waits until it is done
  npm run ctl -- scale N|+N|-N                so many workers, or so many more or fewer
  npm run ctl -- stop                         lets all requests finish, then ends; waits until it is done
  npm run ctl -- cpu-profile WORKER [SECONDS] where a worker spends its time: a .cpuprofile
  npm run ctl -- heap-snapshot WORKER         what a worker has in memory: a .heapsnapshot (it stands still meanwhile)
  npm run ctl -- log-level LEVEL              fatal, error, warn, info, debug, trace or silent, until it is restarted

--json prints the answer as JSON. The socket is CONTROL_SOCKET's.
Exit codes: 0 done, 1 could not be done, 2 wrong usage, 3 nothing runs (or it is somebody else's),
78 the configuration is wrong.
`;

const COMMANDS = ['status', 'reload', 'scale', 'stop', 'cpu-profile', 'heap-snapshot', 'log-level'];

const EXIT = { done: 0, failed: 1, usage: 2, unreachable: 3 } as const;

async function main(argv: readonly string[]): Promise<number> {
  const json = argv.includes('--json');
  const [command, ...args] = argv.filter((word) => word !== '--json');
  if (command === undefined || !COMMANDS.includes(command)) {
    const asked = command === '--help' || command === 'help';
    (asked ? process.stdout : process.stderr).write(USAGE);
    return asked ? EXIT.done : EXIT.usage;
  }
  const answer = await sendCommand(loadControlSocket(), { command, args });
  if (json) process.stdout.write(`${JSON.stringify(answer.ok ? answer.result : answer)}\n`);
  else if (answer.ok) process.stdout.write(`${describe(command, answer.result)}\n`);
  else process.stderr.write(`${answer.error}\n`);
  if (answer.ok) return EXIT.done;
  return answer.usage ? EXIT.usage : EXIT.failed;
}

function describe(command: string, result: unknown): string {
  const fields = result as Record<string, string | number>;
  switch (command) {
    case 'status':
      return statusTable(result as Status);
    case 'reload':
      return `reloaded: generation ${fields.generation ?? ''} serves`;
    case 'scale':
      return `scaled from ${fields.from ?? ''} to ${fields.to ?? ''} workers`;
    case 'stop':
      return 'stopped';
    case 'log-level':
      return `logs from level ${fields.level ?? ''} on`;
    default:
      return String(fields.file);
  }
}

function explain(error: unknown): number {
  if (error instanceof Unreachable) {
    process.stderr.write(`${error.message}\n`);
    return EXIT.unreachable;
  }
  if (error instanceof ConfigError) {
    for (const problem of error.problems) process.stderr.write(`config: ${problem}\n`);
    return EXIT_BAD_CONFIG;
  }
  throw error;
}

process.exitCode = await main(process.argv.slice(2)).catch(explain);

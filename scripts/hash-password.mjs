// Asks for a password and prints its hash, for USERS or USERS_FILE. Reads a pipe, too:
//   npm run -s hash-password < password.txt
// The password is no argument: arguments stand in the shell's history and in the list of processes.
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';

const { hashPassword } = await import(new URL('../dist/features/account/password.js', import.meta.url));

/** The prompt goes to stderr, so that stdout holds the hash alone; what is typed goes nowhere. */
async function ask() {
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = process.stdin.isTTY === true;
  const lines = createInterface({ input: process.stdin, output: silent, terminal });
  if (terminal) process.stderr.write('Password (not shown): ');
  for await (const line of lines) {
    lines.close();
    if (terminal) process.stderr.write('\n');
    return line;
  }
  return '';
}

try {
  console.log(await hashPassword(await ask()));
} catch (error) {
  console.error(error.message);
  process.exit(1);
}

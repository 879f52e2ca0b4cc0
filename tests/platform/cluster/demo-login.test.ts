import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { AppCopy } from '../../support/app-copy.ts';
import { AppProcess } from '../../support/app-process.ts';

let copy: AppCopy;
let app: AppProcess | undefined;
beforeEach(async () => {
  copy = await AppCopy.create();
});
afterEach(async () => {
  await app?.stop();
  await copy.remove();
});

test.each(['dist/server.js', 'dist/cluster.js'])(
  'a restart during development keeps the password of the user demo, and the login: %s',
  async (entry) => {
    const passwords: string[] = [];
    let cookie = '';
    const statuses: number[] = [];
    for (let round = 0; round < 3; round++) {
      app = new AppProcess({ CONTROL_SOCKET: copy.file('control.sock') }, { entry: copy.file(entry) });
      const { msg } = await app.logged(/^log in as "demo"/);
      passwords.push(/password (\S+)/.exec(String(msg))?.[1] ?? '');
      const session = `${await app.url()}/api/session`;
      if (round === 0) {
        const body = JSON.stringify({ name: 'demo', password: passwords[0] });
        const headers = { 'Content-Type': 'application/json' };
        const response = await fetch(session, { method: 'POST', headers, body });
        cookie = response.headers.getSetCookie()[0]?.split(';', 1)[0] ?? '';
      }
      statuses.push((await fetch(session, { headers: { Cookie: cookie } })).status);
      app.kill('SIGTERM');
      await app.exit();
    }
    expect(passwords[0]).toMatch(/^[\w-]{16}$/);
    expect(new Set(passwords).size).toBe(1);
    expect(statuses).toEqual([200, 200, 200]);
  },
);

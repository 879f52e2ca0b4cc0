import { expect, test } from '@jest/globals';
import { serve } from '../support/http.ts';

test('a field that is bound to req.log is in all lines of that request, and in no other', async () => {
  const { url, log, close } = await serve((app) => {
    app.get('/:id', (req, res) => {
      if (req.params.id === '1') req.log.setBindings({ payment: '1', password: 'hidden' });
      req.log.info('payment read');
      res.json({});
    });
  });
  await fetch(`${url}/1`);
  await fetch(`${url}/2`);
  const lines = await log.waitFor(4);
  await close();
  const found = lines.map(({ path, msg, payment, password }) => ({ path, msg, payment, password }));
  expect(found).toEqual(
    expect.arrayContaining([
      { path: undefined, msg: 'payment read', payment: '1', password: '[redacted]' },
      { path: '/1', msg: 'request', payment: '1', password: '[redacted]' },
      { path: undefined, msg: 'payment read', payment: undefined, password: undefined },
      { path: '/2', msg: 'request', payment: undefined, password: undefined },
    ]),
  );
});

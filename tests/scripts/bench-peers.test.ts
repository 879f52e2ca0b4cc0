import { expect, test } from '@jest/globals';
import { peersChart } from '../../bench/lib/chart-peers.mjs';

test('the peers are drawn beside this template, by what was asked for and the cheapest first', () => {
  const peers = [
    { id: 'node-peer', title: 'node:http & nothing else', ratio: 2 },
    { id: 'fastify', title: 'Fastify (two log lines, its default)', ratio: 0.8 },
    { id: 'express', title: 'Express: the usual stack', ratio: 0.1 },
    { id: 'koa-session', title: 'session from Redis: Koa', ratio: 0.5 },
  ];
  const svg = peersChart({ machine: '2 vCPUs', peers });
  const texts = [...svg.matchAll(/>([^<>]+)<\/text>/g)].map(([, text]) => text);
  expect(texts).toEqual([
    'CPU time per request, this template = 1',
    '2 vCPUs',
    'a small response',
    ...['node:http &amp; nothing else', '0.50', 'this template', '1.00'],
    ...['Fastify', '1.25', 'Express: the usual stack', '10.00 →'],
    'a session from Redis',
    ...['this template', '1.00', 'Koa', '2.00'],
  ]);
  // A bar that is cut ends inside the chart.
  const ends = [...svg.matchAll(/<rect x="(\d+)" y="\d+" width="([\d.]+)"/g)].map(
    ([, x, width]) => Number(x) + Number(width),
  );
  expect(Math.max(...ends)).toBeLessThanOrEqual(380);
});

import { EXTRAS } from './extras.mjs';
import { layers } from './layers.mjs';
import { OPTIONS } from './options.mjs';
import { peers } from './peers.mjs';
import { plan } from './plan.mjs';
import { planLayers } from './plan-layers.mjs';
import { rows } from './rows.mjs';
import { scales } from './scale.mjs';

/** What --help prints. */
export function help() {
  const options = Object.entries(OPTIONS).map(([name, { value, what }]) => [
    value ? `--${name}=${value}` : `--${name}`,
    what,
  ]);
  return [
    'npm run bench [-- OPTIONS]',
    '',
    'What the template costs, beside bare Express in the same run.',
    '',
    ...list('Options', options),
    ...list(
      'Rows',
      rows.map(({ id, title }) => [id, title + needs(plan(one(id)))]),
    ),
    ...list(
      'Extras',
      Object.entries(EXTRAS).map(([id, { what }]) => [id, what + needs(plan(one(id)))]),
    ),
    ...list(
      'Layers',
      layers.map(({ id, title }) => [id, title + needs(planLayers(one(id)))]),
    ),
    ...list(
      'Peers',
      peers.map(({ id, title }) => [id, title]),
    ),
    ...list(
      'Scales (redis-server, 600 MB of memory)',
      scales.map(({ id, title, sizes }) => [id, `${title}: ${sizes.map(inEnglish).join(' · ')}`]),
    ),
    'NODE_BINARY=/path/to/node is the Node that the servers run on; unset, it is the one that npm runs on.',
    '',
    'It needs Linux and two cores with nothing else to do; what needs a program besides says so above.',
    'It takes seven minutes, twelve with --layers, ten with --scale; with --quick one, or five with --layers or --scale. It ends with 2',
    'where it was asked for what there is not, or a program is missing.',
  ].join('\n');
}

function inEnglish(number) {
  return number.toLocaleString('en-US');
}

function one(id) {
  return { only: new Set([id]), extras: new Set([id]) };
}

function needs({ packages }) {
  return packages.length > 0 ? ` (${packages.join(', ')})` : '';
}

function list(title, entries) {
  const width = Math.max(...entries.map(([name]) => name.length));
  return [`${title}:`, ...entries.map(([name, what]) => `  ${name.padEnd(width)}  ${what}`), ''];
}

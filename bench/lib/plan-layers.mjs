import { layers } from './layers.mjs';
import { HELLO } from './rows.mjs';

const BARE = { id: 'bare', title: 'bare Express 5', server: 'bare', path: HELLO, parts: [], packages: [] };

/**
 * What it takes to measure the wanted layers. Of each: its rows, as in rows.mjs and with the parts their servers are made
 * of, and the ids of those that are compared, the one that the others are compared to first.
 */
export function planLayers({ only }) {
  const plans = layers.filter(({ id }) => !only || only.has(id)).map(planLayer);
  const usesRedis = plans.some(({ rows }) => rows.some(({ redis }) => redis));
  return { plans, packages: usesRedis ? ['redis-server'] : [] };
}

/** Bare Express is there in any case: all must answer as it does. */
function planLayer(layer) {
  const { on = 'bare', usual } = layer;
  const below = layers.filter(({ id }) => id === on);
  const rows = [BARE, ...below.map(ownRow), ownRow(layer), ...(usual ? [usualRow(layer, below)] : [])];
  return { layer, rows, compared: new Set([on, ...rows.slice(1).map(({ id }) => id)]) };
}

function ownRow(layer) {
  return rowOf(layer, { parts: partsOf(layer), packages: [] });
}

/** On what the layer is on: what both add is added to the same. */
function usualRow({ id, usual }, below) {
  const { package: title, packages = [title] } = usual;
  const drops = below.flatMap((layer) => layer.drops ?? []);
  const row = rowOf({ ...usual, id: usualId(id), title, drops }, { parts: below.flatMap(partsOf), packages });
  return { ...row, server: `usual-${row.server}` };
}

function rowOf(layer, { parts, packages }) {
  const server = [...parts, ...packages, ...(layer.redis ? ['redis'] : [])].join('-');
  return { ...layer, parts, packages, server, path: HELLO, same: 'bare' };
}

/** The id of the row that measures a layer's usual package. */
export function usualId(id) {
  return `usual-${id}`;
}

/** What it is made of: what it needs, and itself behind that, unless `parts` has both. */
function partsOf({ id, on, parts = [id] }) {
  return on && !parts.includes(on) ? [...partsOf(layers.find((layer) => layer.id === on)), ...parts] : parts;
}

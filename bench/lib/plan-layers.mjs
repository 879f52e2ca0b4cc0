import { layers } from './layers.mjs';
import { HELLO } from './rows.mjs';

const BARE = { id: 'bare', title: 'bare Express 5', server: 'bare', path: HELLO, parts: [] };

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
  const below = layers.filter(({ id }) => id === on).map(ownRow);
  const rows = [BARE, ...below, ownRow(layer), ...(usual ? [usualRow(layer)] : [])];
  return { layer, rows, compared: new Set([on, ...rows.slice(1).map(({ id }) => id)]) };
}

function ownRow(layer) {
  return rowOf(layer, partsOf(layer));
}

function rowOf(layer, parts) {
  return { ...layer, parts, server: nameOf(parts, layer), path: HELLO, same: 'bare' };
}

function usualRow({ id, usual }) {
  const row = rowOf(usual, usual.parts ?? [usual.package]);
  return { ...row, id: usualId(id), title: usual.package, server: `usual-${row.server}`, isUsual: true };
}

function nameOf(parts, { redis }) {
  return [...parts, ...(redis ? ['redis'] : [])].join('-');
}

/** The id of the row that measures a layer's usual package. */
export function usualId(id) {
  return `usual-${id}`;
}

/** What it is made of: what it needs, and itself. */
function partsOf({ id, on, parts = [id] }) {
  return on ? [...partsOf(layers.find((layer) => layer.id === on)), ...parts] : parts;
}

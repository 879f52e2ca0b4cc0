import { layers } from './layers.mjs';
import { HELLO } from './rows.mjs';

/** The row that all layers without `on` are compared to. */
const BARE = { id: 'bare', title: 'bare Express 5', server: 'bare', path: HELLO, parts: [] };

/** What it takes to measure the wanted layers: rows as in rows.mjs, by the parts their servers are made of. */
export function planLayers({ only }) {
  const wanted = layers.filter(({ id }) => !only || only.has(id));
  const compared = layers.filter(
    (layer) => !wanted.includes(layer) && wanted.some(({ on }) => on === layer.id),
  );
  const rows = [BARE, ...compared.map(ownRow), ...wanted.flatMap(rowsOf)];
  return { layers: wanted, rows, packages: rows.some(({ redis }) => redis) ? ['redis-server'] : [] };
}

function rowsOf(layer) {
  return layer.usual ? [ownRow(layer), usualRow(layer)] : [ownRow(layer)];
}

function ownRow(layer) {
  return rowOf(layer, partsOf(layer));
}

function rowOf(layer, parts) {
  return { on: 'bare', ...layer, parts, server: nameOf(parts, layer), path: HELLO, same: 'bare' };
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

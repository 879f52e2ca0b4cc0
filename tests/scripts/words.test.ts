import { describe, expect, test } from '@jest/globals';
import { pluralOf, renamed, singularOf } from '../../scripts/starter/words.mjs';

test.each([
  ['orders', 'order'],
  ['companies', 'company'],
  ['addresses', 'address'],
  ['boxes', 'box'],
  ['batches', 'batch'],
  ['invoices', 'invoice'],
  ['houses', 'house'],
  ['statuses', 'status'],
  ['caches', 'cache'],
  ['movies', 'movie'],
  ['people', 'person'],
  ['days', 'day'],
  ['purchase-orders', 'purchase-order'],
  ['news', 'news'],
])('%s are several of %s', (many, one) => {
  expect(singularOf(many)).toBe(one);
  expect(singularOf(one)).toBe(one);
  expect(pluralOf(one)).toBe(many);
});

describe('a template gets the new name', () => {
  const company = { one: 'company', many: 'companies' };
  const order = { one: 'purchase-order', many: 'purchase-orders' };
  const entry = { one: 'entry', many: 'entries' };

  test.each([
    ['spareParts(SparePart)', company, 'companies(Company)'],
    ['spareParts(sparePart)', order, 'purchaseOrders(purchaseOrder)'],
    ["'./spare-part.ts', 'spare-parts'", order, "'./purchase-order.ts', 'purchase-orders'"],
    ['SPARE_PARTS_PAGE_SIZE spare_parts_total', order, 'PURCHASE_ORDERS_PAGE_SIZE purchase_orders_total'],
    ['Spare parts: a spare part', order, 'Purchase orders: a purchase order'],
    ['A spare part, and a `SparePart`', entry, 'An entry, and a `Entry`'],
    ['aSparePart', entry, 'aEntry'],
  ])('%s', (text, names, expected) => {
    expect(renamed(text, names)).toBe(expected);
  });
});

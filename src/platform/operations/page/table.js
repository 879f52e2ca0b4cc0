// Tables that are updated in place: what is unchanged is not touched, so focus, selection and open details stay.
import { element, setText } from './dom.js';
import { NONE } from './format.js';

/** Numbers by size, all else by letters; what is missing comes last in both directions. */
export function compareBy(valueOf, isDescending) {
  const sign = isDescending ? -1 : 1;
  return (one, other) => {
    const [a, b] = [valueOf(one) ?? null, valueOf(other) ?? null];
    if (a === null || b === null) return Number(a === null) - Number(b === null);
    return (
      sign * (typeof a === 'number' ? a - b : String(a).localeCompare(String(b), 'en', { numeric: true }))
    );
  };
}

/**
 * @param place - where the table goes. It scrolls by itself, so it gets the focus for the arrow keys.
 * @param columns - `title`, `value(row)`, `format(value)`; also `isNumber`, `isLong`, `tone(row)` for how a state is to be seen, and
 *   `fill(cell, row)` for a cell that is made once.
 * @param keyOf - what stays the same while a row's numbers change.
 * @param sortedBy - a column's title: the headings sort. Without it the rows stay in the order in which they come.
 * @returns a function that takes the rows.
 */
export function createTable(place, { label, columns, keyOf, empty, sortedBy }) {
  const order = { column: columns.find(({ title }) => title === sortedBy), isDescending: true };
  const sortBy = (column) => {
    // Numbers are looked at from the largest down, names from A.
    order.isDescending = order.column === column ? !order.isDescending : Boolean(column.isNumber);
    order.column = column;
    show(true);
  };
  const headings = columns.map((column) => heading(column, sortedBy && sortBy));
  const { table, body, none } = frame(place, headings, { label, empty });
  let rows = [];
  const show = (isAsked) => {
    const { column, isDescending } = order;
    const sorted = column ? rows.toSorted(compareBy(column.value, isDescending)) : rows;
    // Rows that change places under the pointer cannot be read.
    const isHeld = Boolean(column) && !isAsked && body.matches(':hover');
    showRows(body, sorted, { columns, keyOf, isHeld });
    headings.forEach((cell, index) => mark(cell, columns[index] === column, isDescending));
    table.hidden = rows.length === 0;
    none.hidden = rows.length > 0;
  };
  show(true);
  return (latest) => {
    rows = latest;
    show(false);
  };
}

function frame(place, headings, { label, empty }) {
  const body = element('tbody');
  const table = element('table', {}, element('thead', {}, element('tr', {}, ...headings)), body);
  const none = element('p', { className: 'empty', textContent: empty });
  Object.assign(place, { tabIndex: 0, role: 'group', ariaLabel: `${label}, table` });
  place.append(table, none);
  return { table, body, none };
}

function showRows(body, rows, { columns, keyOf, isHeld }) {
  const known = new Map([...body.rows].map((line) => [line.dataset.key, line]));
  const shown = new Map();
  for (const row of rows) {
    let key = String(keyOf(row));
    while (shown.has(key)) key += '+';
    const line = known.get(key) ?? createRow(key, columns);
    columns.forEach((column, index) => updateCell(line.cells[index], column, row));
    shown.set(key, line);
  }
  for (const [key, line] of known) if (!shown.has(key)) line.remove();
  const lines = [...shown.values()];
  if (!isHeld || lines.some((line) => !line.isConnected)) arrange(body, lines);
}

function heading(column, sortBy) {
  const cell = element('th', { scope: 'col', className: column.isNumber ? 'number' : '' });
  if (!sortBy) cell.append(column.title);
  else {
    const button = element('button', { type: 'button', textContent: column.title });
    button.addEventListener('click', () => sortBy(column));
    cell.append(button);
  }
  return cell;
}

function mark(cell, isSorted, isDescending) {
  if (isSorted) cell.setAttribute('aria-sort', isDescending ? 'descending' : 'ascending');
  else cell.removeAttribute('aria-sort');
}

function createRow(key, columns) {
  const row = element('tr');
  row.dataset.key = key;
  columns.forEach(({ isNumber, isLong }, index) => {
    const cell = element(index === 0 ? 'th' : 'td', {
      className: isNumber ? 'number' : isLong ? 'long' : '',
    });
    if (index === 0) cell.scope = 'row';
    row.append(cell);
  });
  return row;
}

function updateCell(cell, column, row) {
  if (column.fill) {
    if (!cell.firstChild) column.fill(cell, row);
    return;
  }
  const value = column.value(row) ?? null;
  setText(cell, value === null ? NONE : (column.format ?? String)(value));
  if (column.tone) cell.dataset.tone = column.tone(row) ?? '';
}

function arrange(body, rows) {
  rows.forEach((row, index) => {
    if (body.rows[index] !== row) body.insertBefore(row, body.rows[index] ?? null);
  });
}

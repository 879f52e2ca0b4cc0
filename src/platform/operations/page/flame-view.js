// Draws a profile: boxes for what is wide enough to be seen, the top functions as a table, a search, zoom by keyboard.
import { element, find, setText } from './dom.js';
import { bytes, milliseconds, percent } from './format.js';
import {
  fromCpuProfile,
  fromHeapProfile,
  layOut,
  matches,
  sumOfMatches,
  topFunctions,
} from './flame-tree.js';
import { createTable } from './table.js';

/** In pixels. Below the second one, a letter or two would be no name. */
const ROW_HEIGHT = 20;
const NAMED_WIDTH = 28;

/** @returns `show({ title, url, isHeap })`: fetches the file, draws it, and opens the section. */
export function createFlameView() {
  const flame = find('flame');
  const view = { path: [], boxes: [], words: '', profile: undefined };
  const top = createTop(find('top'), view);
  const draw = (focused) => drawBoxes(view, focused);
  const zoom = (box) => {
    view.path = pathTo(box);
    draw(box.frame);
  };
  flame.addEventListener('click', ({ target }) => {
    const box = boxOf(view, target);
    if (box) zoom(box);
  });
  flame.addEventListener('pointerover', ({ target }) => detail(view, boxOf(view, target)));
  flame.addEventListener('focusin', ({ target }) => detail(view, boxOf(view, target)));
  flame.addEventListener('keydown', (event) => onKey(event, view, () => reset()));
  const reset = () => {
    const [zoomed] = view.path.slice(-1);
    view.path = [];
    draw(zoomed);
  };
  find('flame-reset').addEventListener('click', reset);
  find('flame-search').addEventListener('input', ({ target }) => {
    view.words = target.value.trim();
    draw();
  });
  new ResizeObserver(() => view.profile && flame.clientWidth !== view.width && draw()).observe(flame);
  return async ({ title, url, isHeap }) => {
    const response = await fetch(url);
    if (!response.ok) throw new Error(`cannot read the profile (${response.status})`);
    const content = await response.json();
    view.profile = isHeap ? fromHeapProfile(content) : fromCpuProfile(content);
    view.path = [];
    find('profile').hidden = false;
    setText(find('profile-title'), title);
    find('flame-file').href = url;
    top(topFunctions(view.profile.root));
    draw();
  };
}

const amount = ({ profile }, value) => (profile.unit === 'ms' ? milliseconds(value) : bytes(value));
const share = ({ profile }, value) => percent(value / profile.root.total);

function createTop(place, view) {
  const column = (title, value, format) => ({ title, value, format, isNumber: true });
  const [withUnit, asShare] = [(value) => amount(view, value), (value) => share(view, value)];
  return createTable(place, {
    label: 'Top functions',
    keyOf: ({ key }) => key,
    empty: 'Nothing was recorded.',
    columns: [
      { title: 'Function', value: ({ name }) => name },
      column('Self', ({ self }) => self, withUnit),
      column('Self share', ({ self }) => self, asShare),
      column('Total', ({ total }) => total, withUnit),
      column('Total share', ({ total }) => total, asShare),
      { title: 'File', value: ({ place: file, kind }) => file || kind },
    ],
  });
}

function boxOf({ boxes }, node) {
  return boxes[node.dataset?.index];
}

function pathTo(box) {
  return box.parent ? [...pathTo(box.parent), box.frame] : [];
}

/** Those of the 20,000 frames of a long profile that are a pixel wide or more are a few hundred. */
function drawBoxes(view, focused) {
  const { profile, path } = view;
  const flame = find('flame');
  view.width = flame.clientWidth;
  view.boxes = layOut(profile.root, path, 1 / Math.max(1, view.width));
  const made = view.boxes.map((box, index) => createBox(box, index, view));
  const depth = Math.max(0, ...view.boxes.map((box) => box.depth)) + 1;
  const stage = element('div', { className: 'stage' }, ...made);
  stage.style.height = `${depth * ROW_HEIGHT}px`;
  flame.replaceChildren(stage);
  const current = Math.max(
    0,
    view.boxes.findIndex(({ frame }) => frame === focused),
  );
  if (made[current]) made[current].tabIndex = 0;
  if (focused) made[current]?.focus();
  setText(find('flame-summary'), summary(view));
  find('flame-reset').disabled = path.length === 0;
  detail(view, view.boxes[current]);
}

function createBox({ frame, depth, left, width, isCaller }, index, view) {
  const name = frame.name || 'all';
  const box = element('button', { type: 'button', tabIndex: -1, ariaLabel: name });
  if (width * view.width >= NAMED_WIDTH) box.textContent = name;
  box.dataset.index = index;
  box.dataset.kind = frame.kind;
  if (isCaller) box.classList.add('caller');
  if (matches(frame, view.words)) box.classList.add('match');
  Object.assign(box.style, {
    top: `${depth * ROW_HEIGHT}px`,
    left: `${left * 100}%`,
    width: `${width * 100}%`,
  });
  return box;
}

function summary(view) {
  const { profile, words } = view;
  const { root, recordedMs } = profile;
  if (words)
    return `“${words}”: ${amount(view, sumOfMatches(root, words))}, ${share(view, sumOfMatches(root, words))} of all`;
  if (profile.unit === 'bytes') return `${bytes(root.total)} allocated and still in use, sampled`;
  return `busy for ${milliseconds(root.total)} of ${milliseconds(recordedMs)} (${percent(root.total / recordedMs)})`;
}

function detail(view, box) {
  if (!box) return;
  const { name, place, self, total } = box.frame;
  const text = `total ${amount(view, total)} (${share(view, total)}), self ${amount(view, self)} (${share(view, self)})`;
  find('flame-detail').replaceChildren(
    element('b', {}, name || 'all'),
    place && ` ${place}`,
    element('span', {}, text),
  );
}

/** Up: the caller. Down: the largest call. Left and right: the neighbours in the row. */
function onKey(event, { boxes }, reset) {
  const box = boxOf({ boxes }, event.target);
  if (!box) return;
  if (event.key === 'Escape') return reset();
  const row = boxes.filter(({ depth }) => depth === box.depth);
  const target = {
    ArrowUp: () => box.parent,
    ArrowDown: () => boxes.find(({ parent }) => parent === box),
    ArrowLeft: () => row[row.indexOf(box) - 1],
    ArrowRight: () => row[row.indexOf(box) + 1],
  }[event.key];
  if (!target) return;
  event.preventDefault();
  const next = event.currentTarget.querySelector(`[data-index="${boxes.indexOf(target())}"]`);
  if (!next) return;
  event.target.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
}

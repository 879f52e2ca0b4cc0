// The tree behind a flame graph, from V8's CPU profiles and sampling heap profiles. No DOM: tested without a browser.

/** What V8 calls the time in which nothing runs. */
const IDLE = '(idle)';

/** @returns the calls of a .cpuprofile, in milliseconds; idle time is left out. */
export function fromCpuProfile({ nodes, samples = [], timeDeltas = [], startTime, endTime }) {
  const self = new Map();
  let at = startTime + (timeDeltas[0] ?? 0);
  samples.forEach((id, index) => {
    // A sample stands for the time until the next one. Clocks of several cores can make that negative.
    const micros = Math.max(0, timeDeltas[index + 1] ?? endTime - at);
    at += micros;
    self.set(id, (self.get(id) ?? 0) + micros / 1000);
  });
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const children = ({ children: ids = [] }) => ids.map((id) => byId.get(id));
  const root = build(nodes[0], children, ({ id }) => self.get(id) ?? 0);
  return { unit: 'ms', recordedMs: (endTime - startTime) / 1000, root };
}

/** @returns what was allocated and is still alive, of a .heapprofile, in bytes. */
export function fromHeapProfile({ head }) {
  return {
    unit: 'bytes',
    root: build(
      head,
      ({ children }) => children,
      ({ selfSize }) => selfSize,
    ),
  };
}

/** V8 has several nodes for one call, one per state of its optimization: calls of the same function are merged. */
function build(top, childrenOf, selfOf) {
  const root = { name: '', place: '', kind: 'engine', self: 0, total: 0, children: new Map() };
  const add = (node, parent) => {
    const { callFrame } = node;
    if (callFrame.functionName === IDLE) return;
    const key = `${callFrame.functionName} ${callFrame.url}:${callFrame.lineNumber}:${callFrame.columnNumber}`;
    let frame = parent.children.get(key);
    if (!frame) {
      frame = { ...describe(callFrame), key, self: 0, total: 0, children: new Map() };
      parent.children.set(key, frame);
    }
    frame.self += selfOf(node);
    for (const child of childrenOf(node)) add(child, frame);
  };
  for (const child of childrenOf(top)) add(child, root);
  return finish(root);
}

/** Sums up, drops what is empty, and puts the largest first. */
function finish(frame) {
  frame.children = [...frame.children.values()]
    .map(finish)
    .filter(({ total }) => total > 0)
    .sort((one, other) => other.total - one.total);
  frame.total = frame.children.reduce((sum, { total }) => sum + total, frame.self);
  return frame;
}

function describe({ functionName, url, lineNumber }) {
  const name = functionName || '(anonymous)';
  const kind = kindOf(url);
  if (kind === 'engine') return { name, place: '', kind };
  const path = url
    .replace(/^file:\/\//, '')
    .replace(/^(?:.*\/(?=node_modules\/)|.*\/(?=(?:dist|src)\/))/, '');
  return { name, place: `${path}:${lineNumber + 1}`, kind };
}

function kindOf(url) {
  if (url === '') return 'engine';
  if (url.startsWith('node:')) return 'node';
  if (url.includes('/node_modules/')) return 'package';
  return url.includes('/platform/') ? 'platform' : 'app';
}

/**
 * @param minShare - narrower frames are left out, with all that they called: 1 / the graph's width in pixels.
 * @returns where each frame is drawn, in shares of the width; the zoomed frame and those that called it fill all of it.
 */
export function layOut(root, path = [], minShare = 0) {
  const boxes = [];
  const place = (frame, parent, depth, left, scale) => {
    const box = { frame, parent, depth, left, width: frame.total * scale };
    boxes.push(box);
    let from = left;
    for (const child of frame.children) {
      const width = child.total * scale;
      // The largest come first: all others are too narrow as well.
      if (width < minShare) break;
      place(child, box, depth + 1, from, scale);
      from += width;
    }
  };
  const zoomed = path.at(-1) ?? root;
  let parent;
  [root, ...path].slice(0, -1).forEach((frame, depth) => {
    if (path.length > 0) boxes.push((parent = { frame, parent, depth, left: 0, width: 1, isCaller: true }));
  });
  if (zoomed.total > 0) place(zoomed, parent, path.length, 0, 1 / zoomed.total);
  return boxes;
}

/** One entry per function, wherever it was called from. A recursive call counts once in the total. */
export function topFunctions(root, limit = 20) {
  const functions = new Map();
  const active = new Set();
  const visit = (frame) => {
    const isOutermost = !active.has(frame.key);
    active.add(frame.key);
    const { name, place, kind, key } = frame;
    const one = functions.get(key) ?? { key, name, place, kind, self: 0, total: 0 };
    one.self += frame.self;
    if (isOutermost) one.total += frame.total;
    functions.set(key, one);
    frame.children.forEach(visit);
    if (isOutermost) active.delete(frame.key);
  };
  root.children.forEach(visit);
  return [...functions.values()].sort((one, other) => other.self - one.self).slice(0, limit);
}

/** @returns whether a frame's name or place has the words in it. */
export function matches({ name, place }, words) {
  return words !== '' && `${name} ${place}`.toLowerCase().includes(words.toLowerCase());
}

/** What the matching functions and all that they called took: a match within a match counts once. */
export function sumOfMatches(root, words) {
  if (matches(root, words)) return root.total;
  return root.children.reduce((sum, child) => sum + sumOfMatches(child, words), 0);
}

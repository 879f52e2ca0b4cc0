// What the page does to its elements.

export const find = (id) => document.getElementById(id);

export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

/** Writes only what differs: a text that is written again loses the reader's selection. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

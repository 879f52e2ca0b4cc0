/* global document, DOMParser, matchMedia */
// The start page with JavaScript: its links open in the panel, its forms call the API. Without, links and forms do what they say.
const panel = document.querySelector('#panel');

document.addEventListener('click', (event) => {
  const link = event.target.closest('.requests a');
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  void choose(link).then(() => panel.scrollIntoView({ block: 'nearest' }));
});

document.addEventListener('submit', (event) => {
  const form = event.target;
  if (!form.dataset.api) return;
  event.preventDefault();
  void submit(form);
});

// Where the panel is beside the links, it is not empty.
if (matchMedia('(min-width: 56rem)').matches) void choose(document.querySelector('.requests a'));

async function choose(link) {
  document.querySelector('.requests [aria-current]')?.removeAttribute('aria-current');
  link.setAttribute('aria-current', 'true');
  await open(link.getAttribute('href'));
}

/**
 * As a visitor without a session sends it, because a proxy's cache is for requests without a cookie; and past the browser's own
 * cache, to show what the server's does.
 */
async function open(path) {
  const again = element('button', 'Send again');
  again.addEventListener('click', () => void open(path));
  const response = await send('GET', path, { credentials: 'omit', cache: 'no-store' });
  // Another one was chosen meanwhile.
  if (document.querySelector('.requests [aria-current]')?.getAttribute('href') !== path) return;
  await show('GET', path, response, again);
}

async function submit(form) {
  const [method, path] = form.dataset.api.split(' ');
  for (const input of form.elements) setError(input, '');
  const body = JSON.stringify(Object.fromEntries(new FormData(form)));
  const json = method === 'DELETE' ? {} : { headers: { 'Content-Type': 'application/json' }, body };
  const response = await send(method, path, json);
  if (response.ok) {
    await refresh();
    await show(method, path, response);
    document.querySelector('#demo')?.focus();
  } else await showErrors(form, response);
}

/** A response, also where none came: the server may be away. */
async function send(method, path, { headers, ...options }) {
  const accept = { Accept: 'application/json, application/problem+json, */*;q=0.5', ...headers };
  try {
    return await fetch(path, { method, headers: accept, ...options });
  } catch (error) {
    return Response.json({ title: error.message }, { status: 503, statusText: 'No response' });
  }
}

/** Puts each message next to its field; one for no field goes to the field that the form names. */
async function showErrors(form, response) {
  const problem = await response.json();
  const general = { field: form.dataset.error, message: problem.detail ?? problem.title };
  for (const { field, message } of problem.errors ?? [general]) {
    setError(form.elements[field] ?? form.elements[general.field], message);
  }
  form.querySelector('[aria-invalid]')?.focus();
}

function setError(input, message) {
  const place = input && document.getElementById(`${input.name}-error`);
  if (!place) return;
  place.textContent = message;
  if (message) input.setAttribute('aria-invalid', 'true');
  else input.removeAttribute('aria-invalid');
}

/** Shows who is logged in now, and what may be changed, as the server has it. */
async function refresh() {
  const response = await fetch('/');
  const page = new DOMParser().parseFromString(await response.text(), 'text/html');
  for (const id of ['who', 'account']) {
    const fresh = page.getElementById(id);
    if (fresh) document.getElementById(id)?.replaceWith(fresh);
  }
}

async function show(method, path, response, ...more) {
  const status = element('p', '', 'chips');
  status.setAttribute('role', 'status');
  status.append(
    element('span', `${response.status} ${response.statusText}`, `chip ${response.ok ? 'good' : 'bad'}`),
    ...cacheOf(response),
  );
  const request = element('h3');
  request.append(element('code', `${method} ${decodeURI(path)}`));
  panel.replaceChildren(request, status, ...(await bodyOf(path, response)), ...more);
}

function cacheOf({ headers }) {
  const state = headers.get('X-Cache');
  if (!state) return [];
  const age = headers.get('Age');
  const text = age ? `from the cache, made ${age} s ago` : 'made for this request, and kept';
  return [element('span', `Cache ${state}`, 'chip'), element('span', text, 'quiet')];
}

async function bodyOf(path, response) {
  if (response.status === 204) return [];
  const type = response.headers.get('Content-Type') ?? '';
  if (type.startsWith('image/')) {
    const image = element('img');
    Object.assign(image, { src: path, alt: 'The response, an image' });
    return [image];
  }
  const text = await response.text();
  const body = /\bjson\b/.test(type) ? JSON.parse(text) : undefined;
  const pre = element('pre', body ? JSON.stringify(body, undefined, 2) : text.slice(0, 4000));
  // Longer than the panel, it scrolls: with the keyboard, too.
  pre.tabIndex = 0;
  return [...fieldsOf(body), pre];
}

/** The fields that are not valid, in front of all the rest that an error says. */
function fieldsOf(body) {
  if (!body?.errors) return [];
  const list = element('ul', '', 'fields');
  for (const { field, message } of body.errors) {
    const item = element('li', ` ${message}`);
    item.prepend(element('code', field));
    list.append(item);
  }
  return [list];
}

function element(name, text = '', className = '') {
  return Object.assign(document.createElement(name), { textContent: text, className });
}

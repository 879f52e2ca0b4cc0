/* global document */
// Sends the forms of the API's page, and shows the response below them. The browser adds the session's cookie itself.
for (const form of document.forms) {
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void send(form);
  });
}

async function send(form) {
  const output = form.nextElementSibling;
  const url = urlOf(form);
  const status = element('p');
  status.setAttribute('role', 'status');
  status.append(element('code', `GET ${url}`));
  output.replaceChildren(status);
  try {
    // Past the browser's own cache, to show what the server sends.
    const response = await fetch(url, {
      headers: { Accept: 'application/json, application/problem+json, */*;q=0.5' },
      cache: 'no-store',
    });
    const body = await bodyOf(response, url);
    // A later request of the same form has taken the place.
    if (!status.isConnected) return;
    status.append(chip(`${response.status} ${response.statusText}`, response.ok));
    output.append(body);
  } catch (error) {
    status.append(chip(error.message, false));
  }
}

function urlOf(form) {
  let path = form.getAttribute('action');
  const query = new URLSearchParams();
  for (const { name, value, dataset } of form.querySelectorAll('input')) {
    if (dataset.in === 'path') path = path.replace(`{${name}}`, encodeURIComponent(value));
    else if (value !== '') query.set(name, value);
  }
  return query.size > 0 ? `${path}?${query}` : path;
}

async function bodyOf(response, src) {
  const type = response.headers.get('Content-Type') ?? '';
  if (type.startsWith('image/'))
    return element('img', '', { src, alt: 'The response, an image', width: 128 });
  const text = await response.text();
  const isJson = /\bjson\b/.test(type) && text !== '';
  const shown = isJson ? JSON.stringify(JSON.parse(text), undefined, 2) : text.slice(0, 10_000);
  // Longer than its box, it scrolls: with the keyboard, too.
  return element('pre', shown, { tabIndex: 0 });
}

function chip(text, isGood) {
  return element('span', text, { className: `chip ${isGood ? 'good' : 'bad'}` });
}

function element(name, text = '', properties = {}) {
  return Object.assign(document.createElement(name), { textContent: text, ...properties });
}

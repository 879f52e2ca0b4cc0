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
  let path = form.getAttribute('action');
  const query = new URLSearchParams();
  for (const { name, value, dataset } of form.querySelectorAll('input')) {
    if (dataset.in === 'path') path = path.replace(`{${name}}`, encodeURIComponent(value));
    else if (value !== '') query.set(name, value);
  }
  const url = query.size > 0 ? `${path}?${query}` : path;
  output.textContent = `GET ${url} …`;
  try {
    const response = await fetch(url, {
      headers: { Accept: 'application/json, application/problem+json, */*' },
    });
    output.textContent = `GET ${url}\n${response.status} ${response.statusText}\n\n${await textOf(response)}`;
  } catch (error) {
    output.textContent = `GET ${url}\n${error.message}`;
  }
}

async function textOf(response) {
  const text = await response.text();
  const isJson = /\bjson\b/.test(response.headers.get('Content-Type') ?? '');
  return isJson ? JSON.stringify(JSON.parse(text), undefined, 2) : text.slice(0, 10_000);
}

/* global document */
// Sends the forms of the start page's demo as JSON, and shows what came back.
const answer = document.querySelector('#answer');

for (const form of document.querySelectorAll('form[data-method]')) {
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const { method } = form.dataset;
    const body = JSON.stringify(Object.fromEntries(new FormData(form)));
    answer.textContent = `${method} ${new URL(form.action).pathname} …`;
    try {
      const response = await fetch(form.action, {
        method,
        headers: { Accept: 'application/json', 'Content-Type': 'application/json' },
        ...(method !== 'DELETE' && { body }),
      });
      answer.textContent = `${method} ${new URL(form.action).pathname} → ${response.status}\n${await response.text()}`;
    } catch (error) {
      answer.textContent = `${method} ${new URL(form.action).pathname} failed: ${error.message}`;
    }
  });
}

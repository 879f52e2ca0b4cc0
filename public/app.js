/* global document */
// Sends the forms of the start page's demo as JSON, and shows what came back.
const answer = document.querySelector('#answer');

for (const form of document.querySelectorAll('form[data-method]')) {
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const { method, action } = form.dataset;
    const body = JSON.stringify(Object.fromEntries(new FormData(form)));
    answer.textContent = `${method} ${action} …`;
    try {
      const response = await fetch(action, {
        method,
        headers: { Accept: 'application/json', 'Content-Type': 'application/json' },
        ...(method !== 'DELETE' && { body }),
      });
      answer.textContent = `${method} ${action} → ${response.status}\n${await response.text()}`;
    } catch (error) {
      answer.textContent = `${method} ${action} failed: ${error.message}`;
    }
  });
}

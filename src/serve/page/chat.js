// The chat page: one conversation, kept in the page and nowhere else. Texts of the model are shown as
// text, never as HTML.
import { eventsOf } from './events.js';

const byId = (id) => document.getElementById(id);
const [turns, form, text, send, stop] = ['turns', 'say', 'text', 'send', 'stop'].map(byId);

/** What was said, as the API has it. */
let messages = [];
/** Ends the answer that is being written. */
let running;

function element(parent, name, className = '') {
  const made = document.createElement(name);
  made.className = className;
  parent.append(made);
  return made;
}

/** Sends with the key, if there is one; an answer that is an error becomes one. */
async function ask(path, options = {}) {
  const key = byId('key').value;
  const headers = {
    'content-type': 'application/json',
    ...(key && { authorization: `Bearer ${key}` }),
  };
  const response = await fetch(path, { ...options, headers });
  if (response.ok) return response;
  const body = await response.json().catch(() => ({}));
  throw new Error(body.error?.message ?? `the server answered ${response.status}`);
}

/** Fields that are filled in. */
function parameters() {
  const numbers = ['temperature', 'top_p', 'top_k', 'max_tokens', 'seed'];
  const given = numbers.filter((id) => byId(id).value !== '');
  const thinking = byId('thinking').value;
  return {
    ...Object.fromEntries(given.map((id) => [id, Number(byId(id).value)])),
    ...(byId('stop_text').value && { stop: byId('stop_text').value }),
    ...(thinking && { chat_template_kwargs: { enable_thinking: thinking === 'true' } }),
  };
}

/** An answer on the page, which grows. */
function showAnswer() {
  const article = element(turns, 'article', 'assistant');
  const thoughts = element(article, 'details');
  element(thoughts, 'summary').textContent = 'Thoughts';
  const reasoning = element(thoughts, 'div', 'reasoning');
  thoughts.hidden = true;
  const content = element(article, 'div', 'content');
  const calls = element(article, 'code', 'calls');
  const footer = element(article, 'footer');
  return {
    add({ reasoning_content: thought = '', content: said = '', tool_calls: called = [] }) {
      if (thought !== '') thoughts.hidden = false;
      if (said !== '') thoughts.open = false;
      else if (thought !== '') thoughts.open = true;
      reasoning.append(thought);
      content.append(said);
      for (const { function: part } of called) calls.append(part.name ?? '', part.arguments ?? '');
    },
    finish(reason, timings) {
      footer.textContent = footerText(reason, timings);
    },
    fail(message) {
      article.classList.add('error');
      footer.textContent = message;
    },
    message() {
      const thought = reasoning.textContent;
      const said = content.textContent;
      return { role: 'assistant', content: said, ...(thought && { reasoning_content: thought }) };
    },
  };
}

function footerText(reason, timings) {
  if (timings === undefined) return reason;
  const { cache_n: cached, prompt_n: read, prompt_ms: before } = timings;
  const { predicted_n: tokens, predicted_per_second: rate } = timings;
  const speed = rate === null ? '' : ` at ${rate.toFixed(1)}/s`;
  const kept = cached > 0 ? ` and ${cached} cached` : '';
  return `${reason} · ${tokens} tokens${speed} · prompt ${read}${kept} in ${before.toFixed(0)} ms`;
}

async function answer() {
  const shown = showAnswer();
  running = new AbortController();
  working(true);
  try {
    const system = byId('system').value;
    const all = system === '' ? messages : [{ role: 'system', content: system }, ...messages];
    const body = JSON.stringify({ messages: all, stream: true, ...parameters() });
    const { signal } = running;
    const response = await ask('/v1/chat/completions', { method: 'POST', body, signal });
    for await (const { choices, timings, error } of eventsOf(response)) {
      if (error) throw new Error(error.message);
      shown.add(choices[0].delta);
      if (choices[0].finish_reason) shown.finish(choices[0].finish_reason, timings);
      turns.lastElementChild.scrollIntoView({ block: 'end' });
    }
  } catch (error) {
    if (error.name === 'AbortError') shown.finish('stopped');
    else shown.fail(error.message);
  }
  messages.push(shown.message());
  working(false);
}

function working(is) {
  send.hidden = is;
  stop.hidden = !is;
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  const said = text.value.trim();
  if (said === '' || send.hidden) return;
  text.value = '';
  messages.push({ role: 'user', content: said });
  element(turns, 'article', 'user').textContent = said;
  void answer();
});

text.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  form.requestSubmit();
});

byId('parameters').addEventListener('submit', (event) => event.preventDefault());

stop.addEventListener('click', () => running.abort());

byId('clear').addEventListener('click', () => {
  running?.abort();
  messages = [];
  turns.replaceChildren();
});

async function showModel() {
  try {
    const { data } = await (await ask('/v1/models')).json();
    byId('model').textContent = `${data[0].id}, ${data[0].max_model_len} tokens of context`;
  } catch (error) {
    byId('model').textContent = error.message;
  }
}

byId('key').addEventListener('change', showModel);
void showModel();

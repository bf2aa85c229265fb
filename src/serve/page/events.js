// Server-sent events of an answer to a POST, which EventSource cannot make.

/** The JSON of each `data:` line of `response`, up to `[DONE]`. */
export async function* eventsOf(response) {
  let held = '';
  const text = response.body.pipeThrough(new TextDecoderStream());
  for (const reader = text.getReader(); ;) {
    const { done, value = '' } = await reader.read();
    const lines = (held + value).split('\n');
    held = lines.pop();
    for (const line of lines) {
      if (line === 'data: [DONE]') return;
      if (line.startsWith('data: ')) yield JSON.parse(line.slice('data: '.length));
    }
    if (done) return;
  }
}

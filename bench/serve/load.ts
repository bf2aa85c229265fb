/** Load on a server of the OpenAI API: streams side by side, each with one request after another. */

export interface Load {
  readonly streams: number;
  readonly requestsOfStream: number;
  readonly generatedTokens: number;
}

/** Of one request, in seconds from when it was sent. */
interface Timing {
  readonly first: number;
  readonly last: number;
  readonly tokens: number;
}

export interface LoadResult {
  /** Generated tokens of all streams in a second. */
  readonly tokensPerSecond: number;
  /** Seconds; of all requests, in ascending order. */
  readonly timeToFirstToken: readonly number[];
  /** Seconds a token after the first; of all requests, in ascending order. */
  readonly timePerOutputToken: readonly number[];
}

const WORDS = ['king', 'river', 'garden', 'silver', 'morning', 'letter', 'mountain', 'winter'];

/** Sends all requests; each has a prompt of its own, of some 60 words. Throws unless every one is answered. */
export async function runLoad(base: string, load: Load, seed: number): Promise<LoadResult> {
  const start = performance.now();
  const streams = Array.from({ length: load.streams }, async (_, stream) => {
    const timings: Timing[] = [];
    for (let i = 0; i < load.requestsOfStream; i++) {
      const prompt = promptOf(seed + stream * load.requestsOfStream + i);
      timings.push(await request(base, prompt, load.generatedTokens));
    }
    return timings;
  });
  const timings = (await Promise.all(streams)).flat();
  const seconds = (performance.now() - start) / 1000;
  const ascending = (values: number[]): number[] => values.toSorted((a, b) => a - b);
  return {
    tokensPerSecond: timings.reduce((sum, { tokens }) => sum + tokens, 0) / seconds,
    timeToFirstToken: ascending(timings.map(({ first }) => first)),
    timePerOutputToken: ascending(
      timings
        .filter(({ tokens }) => tokens > 1)
        .map(({ first, last, tokens }) => (last - first) / (tokens - 1)),
    ),
  };
}

function promptOf(number: number): string {
  const word = (i: number): string => WORDS[(number * 31 + i * i * 7 + i) % WORDS.length]!;
  return `${number}. ${Array.from({ length: 60 }, (_, i) => word(i)).join(' ')}`;
}

async function request(base: string, prompt: string, tokens: number): Promise<Timing> {
  const start = performance.now();
  const body = {
    ...{ prompt, max_tokens: tokens, temperature: 0, stream: true },
    stream_options: { include_usage: true },
  };
  const response = await fetch(`${base}/v1/completions`, {
    method: 'POST',
    // A server may close a connection that rests while the other one works.
    headers: { 'content-type': 'application/json', connection: 'close' },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
  let [first, last, count] = [0, 0, 0];
  for await (const event of eventsOf(response.body!)) {
    count = event.usage?.completion_tokens ?? count;
    if ((event.choices[0]?.text ?? '') === '') continue;
    last = (performance.now() - start) / 1000;
    first ||= last;
  }
  return { first, last, tokens: count };
}

interface CompletionChunk {
  readonly choices: readonly { readonly text?: string }[];
  readonly usage?: { readonly completion_tokens: number } | null;
}

async function* eventsOf(body: ReadableStream<Uint8Array>): AsyncGenerator<CompletionChunk> {
  let rest = '';
  const decoder = new TextDecoder();
  for await (const bytes of body) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n');
    rest = lines.pop()!;
    for (const line of lines) {
      if (line.startsWith('data: {')) yield JSON.parse(line.slice(6)) as CompletionChunk;
    }
  }
}

/** A value that this share of the ascending ones does not exceed. */
export function percentile(ascending: readonly number[], share: number): number {
  return ascending[Math.min(ascending.length - 1, Math.floor(share * ascending.length))] ?? NaN;
}

/**
 * Load on a server of the OpenAI API: streams side by side, each with one request after another. Client and server share
 * the machine, so the client only notes what comes and when; it reads that when all is over.
 */
import http from 'node:http';

export interface Load {
  readonly streams: number;
  readonly requestsOfStream: number;
  readonly promptWords: number;
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

/** Sends all requests; each has a prompt of its own. Throws unless every one is answered. */
export async function runLoad(base: string, load: Load, seed: number): Promise<LoadResult> {
  const start = performance.now();
  const streams = Array.from({ length: load.streams }, async (_, stream) => {
    const answers: Answer[] = [];
    for (let i = 0; i < load.requestsOfStream; i++) {
      const prompt = promptOf(seed + stream * load.requestsOfStream + i, load.promptWords);
      answers.push(await request(base, prompt, load.generatedTokens));
    }
    return answers;
  });
  const answers = (await Promise.all(streams)).flat();
  const seconds = (performance.now() - start) / 1000;
  const timings = answers.map(timingOf);
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

function promptOf(number: number, words: number): string {
  const word = (i: number): string => WORDS[(number * 31 + i * i * 7 + i) % WORDS.length]!;
  return `${number}. ${Array.from({ length: words }, (_, i) => word(i)).join(' ')}`;
}

/** What came of a request, and when, in milliseconds. */
interface Answer {
  readonly sentMs: number;
  readonly parts: readonly { readonly bytes: Buffer; readonly atMs: number }[];
}

function request(base: string, prompt: string, tokens: number): Promise<Answer> {
  const body = {
    ...{ prompt, max_tokens: tokens, temperature: 0, stream: true },
    stream_options: { include_usage: true },
  };
  const sentMs = performance.now();
  const parts: Answer['parts'][number][] = [];
  return new Promise((resolve, reject) => {
    const options = {
      ...{ method: 'POST', agent: false },
      // A server may close a connection that rests while the other one works.
      headers: { 'content-type': 'application/json', connection: 'close' },
    };
    const sent = http.request(`${base}/v1/completions`, options, (response) => {
      response.on('data', (bytes: Buffer) => parts.push({ bytes, atMs: performance.now() }));
      response.on('error', reject);
      response.on('end', () => {
        if (response.statusCode === 200) resolve({ sentMs, parts });
        else reject(new Error(`${response.statusCode}: ${textOf(parts)}`));
      });
    });
    sent.on('error', reject);
    sent.end(JSON.stringify(body));
  });
}

function textOf(parts: Answer['parts']): string {
  return Buffer.concat(parts.map(({ bytes }) => bytes)).toString();
}

function timingOf({ sentMs, parts }: Answer): Timing {
  let [rest, first, last, tokens] = ['', 0, 0, 0];
  const decoder = new TextDecoder();
  for (const { bytes, atMs } of parts) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n');
    rest = lines.pop()!;
    for (const line of lines) {
      if (!line.startsWith('data: {')) continue;
      const { choices, usage } = JSON.parse(line.slice(6)) as CompletionChunk;
      tokens = usage?.completion_tokens ?? tokens;
      if ((choices[0]?.text ?? '') === '') continue;
      last = (atMs - sentMs) / 1000;
      first ||= last;
    }
  }
  return { first, last, tokens };
}

interface CompletionChunk {
  readonly choices: readonly { readonly text?: string }[];
  readonly usage?: { readonly completion_tokens: number } | null;
}

/** A value that this share of the ascending ones does not exceed. */
export function percentile(ascending: readonly number[], share: number): number {
  return ascending[Math.min(ascending.length - 1, Math.floor(share * ascending.length))] ?? NaN;
}

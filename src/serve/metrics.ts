/**
 * What the server counts, in the text format of Prometheus [1]; names are vLLM's [2] with our prefix.
 *
 * [1] https://prometheus.io/docs/instrumenting/exposition_formats/
 * [2] https://docs.vllm.ai/en/latest/usage/metrics.html
 */
import type { EngineEvent, EngineStatus, RequestUsage } from '../engine/index.ts';

const PREFIX = 'celadon:';

/** Upper bounds of the buckets, in seconds. */
const TOKEN_BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
const REQUEST_BOUNDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500];

class Histogram {
  readonly #bounds: readonly number[];
  readonly #counts: number[];
  #sum = 0;
  #count = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = bounds.map(() => 0);
  }

  observe(value: number): void {
    this.#sum += value;
    this.#count++;
    for (const [i, bound] of this.#bounds.entries()) if (value <= bound) this.#counts[i]!++;
  }

  lines(name: string): string[] {
    const buckets = this.#bounds.map(
      (bound, i) => `${name}_bucket{le="${bound}"} ${this.#counts[i]}`,
    );
    return [
      ...buckets,
      `${name}_bucket{le="+Inf"} ${this.#count}`,
      `${name}_sum ${this.#sum}`,
      `${name}_count ${this.#count}`,
    ];
  }
}

/** When a request came, and when it last gave a token, in milliseconds. */
interface Times {
  readonly added: number;
  last?: number;
}

type Outcome = (EngineEvent & { readonly kind: 'finished' })['reason'] | 'failed';

export class Metrics {
  readonly #now: () => number;
  readonly #times = new Map<string, Times>();
  readonly #finished = new Map<Outcome, number>();
  readonly #firstToken = new Histogram(REQUEST_BOUNDS);
  readonly #betweenTokens = new Histogram(TOKEN_BOUNDS);
  readonly #whole = new Histogram(REQUEST_BOUNDS);
  readonly #queued = new Histogram(REQUEST_BOUNDS);
  #promptTokens = 0;
  #generatedTokens = 0;

  /** `now`: milliseconds of a clock that never goes back. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  added(id: string): void {
    this.#times.set(id, { added: this.#now() });
  }

  observe(event: EngineEvent): void {
    const times = this.#times.get(event.id);
    if (times === undefined) return;
    if (event.kind === 'token') return this.#token(times);
    this.#times.delete(event.id);
    const outcome = event.kind === 'finished' ? event.reason : 'failed';
    this.#finished.set(outcome, (this.#finished.get(outcome) ?? 0) + 1);
    this.#whole.observe((this.#now() - times.added) / 1000);
    if (event.kind === 'finished') this.#usage(event.usage);
  }

  #token(times: Times): void {
    const now = this.#now();
    this.#generatedTokens++;
    if (times.last === undefined) this.#firstToken.observe((now - times.added) / 1000);
    else this.#betweenTokens.observe((now - times.last) / 1000);
    times.last = now;
  }

  #usage({ promptTokens, queuedSeconds }: RequestUsage): void {
    this.#promptTokens += promptTokens;
    this.#queued.observe(queuedSeconds);
  }

  /** The page that Prometheus reads. */
  text(status: EngineStatus): string {
    const finished = [...this.#finished].map(
      ([reason, count]) => `${PREFIX}request_success_total{finished_reason="${reason}"} ${count}`,
    );
    const lines = [
      ...OF_THE_ENGINE.flatMap(([name, help, value]) => single(name, help, value(status))),
      ...single(
        'prompt_tokens_total',
        'Tokens of the prompts of ended requests',
        this.#promptTokens,
      ),
      ...single('generation_tokens_total', 'Tokens generated', this.#generatedTokens),
      ...(typeof status.cycles === 'number'
        ? single('chip_cycles_total', 'Cycles of the chip', status.cycles)
        : []),
      ...head('request_success_total', 'counter', 'Requests that ended, by reason'),
      ...finished,
      ...histogram(
        'time_to_first_token_seconds',
        'From a request to its first token',
        this.#firstToken,
      ),
      ...histogram(
        'inter_token_latency_seconds',
        'From one token to the next',
        this.#betweenTokens,
      ),
      ...histogram('e2e_request_latency_seconds', 'From a request to its end', this.#whole),
      ...histogram('request_queue_time_seconds', 'From a request to its first step', this.#queued),
    ];
    return lines.map((line) => `${line}\n`).join('');
  }
}

/** Name, what it is, and its value. */
const OF_THE_ENGINE: readonly (readonly [string, string, (status: EngineStatus) => number])[] = [
  ['num_requests_running', 'Requests that are being run', (s) => s.runningRequests],
  ['num_requests_waiting', 'Requests that wait', (s) => s.waitingRequests],
  [
    'kv_cache_usage_perc',
    'Share of the blocks of state in use, 0 to 1',
    (s) => (s.totalBlocks === 0 ? 0 : s.usedBlocks / s.totalBlocks),
  ],
  ['num_preemptions_total', 'Requests set back to make room', (s) => s.preemptions],
  ['prefix_cache_queries_total', 'Prompt tokens looked up', (s) => s.prefixQueriedTokens],
  ['prefix_cache_hits_total', 'Prompt tokens found', (s) => s.prefixHitTokens],
  ['spec_decode_num_draft_tokens_total', 'Tokens guessed', (s) => s.draftedTokens],
  ['spec_decode_num_accepted_tokens_total', 'Guesses that were right', (s) => s.acceptedTokens],
];

function head(name: string, type: string, help: string): string[] {
  return [`# HELP ${PREFIX}${name} ${help}.`, `# TYPE ${PREFIX}${name} ${type}`];
}

/** Names say what only grows. */
function single(name: string, help: string, value: number): string[] {
  const type = name.endsWith('_total') ? 'counter' : 'gauge';
  return [...head(name, type, help), `${PREFIX}${name} ${value}`];
}

function histogram(name: string, help: string, values: Histogram): string[] {
  return [...head(name, 'histogram', help), ...values.lines(`${PREFIX}${name}`)];
}

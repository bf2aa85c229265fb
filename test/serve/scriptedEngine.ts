/** An engine whose model says what a test wants, a token for each running request at a step. */
import type {
  EngineEvent,
  EngineRequest,
  EngineStatus,
  ServingEngine,
} from '../../src/engine/index.ts';

interface Job {
  readonly request: EngineRequest;
  readonly tokens: Iterator<number>;
  said: number;
}

export class ScriptedEngine implements ServingEngine {
  readonly contextTokens: number;
  readonly vocabularySize = 151_936;
  /** Steps so far. */
  steps = 0;
  /** Requests that were added, in order. */
  readonly asked: EngineRequest[] = [];
  /** The step that is to fail as a whole. */
  failsAtStep: number | undefined;
  /** Requests that wait, as the engine tells. */
  waiting = 0;
  /** Steps do nothing. */
  stalled = false;
  readonly #say: (request: EngineRequest) => Iterable<number>;
  readonly #jobs = new Map<string, Job>();
  #aborted: Job[] = [];

  /** `say`: the tokens of each answer; it ends with them, or at an end token. */
  constructor(say: (request: EngineRequest) => Iterable<number>, contextTokens = 4096) {
    this.#say = say;
    this.contextTokens = contextTokens;
  }

  add(request: EngineRequest): void {
    this.asked.push(request);
    const tokens = this.#say(request)[Symbol.iterator]();
    this.#jobs.set(request.id, { request, tokens, said: 0 });
  }

  abort(id: string): void {
    const job = this.#jobs.get(id);
    if (job === undefined) return;
    this.#jobs.delete(id);
    this.#aborted.push(job);
  }

  step(): readonly EngineEvent[] {
    this.steps++;
    if (this.steps === this.failsAtStep) throw new Error('the device is on fire');
    const aborted = this.#aborted.map((job) => finished(job, 'aborted'));
    this.#aborted = [];
    if (this.stalled) return aborted;
    return [...aborted, ...[...this.#jobs.values()].flatMap((job) => this.#stepOf(job))];
  }

  get idle(): boolean {
    return this.#jobs.size === 0 && this.#aborted.length === 0;
  }

  status(): EngineStatus {
    return {
      runningRequests: this.#jobs.size,
      waitingRequests: this.waiting,
      usedBlocks: this.#jobs.size,
      totalBlocks: 100,
      publishedBlocks: 0,
      snapshots: 0,
      preemptions: 0,
      prefixQueriedTokens: 10,
      prefixHitTokens: 5,
      draftedTokens: 4,
      acceptedTokens: 3,
    };
  }

  #stepOf(job: Job): EngineEvent[] {
    const { id, maxNewTokens, eosTokenIds, logprobs } = job.request;
    const next = job.tokens.next();
    if (next.done) return this.#end(job, 'stop');
    job.said++;
    const token = this.#allowed(next.value, job.request);
    const probability = logprobs === undefined ? {} : { logprob: -0.5, top: [] };
    const told: EngineEvent = { kind: 'token', id, token, ...probability };
    if (eosTokenIds.includes(token)) return [told, ...this.#end(job, 'stop')];
    return job.said === maxNewTokens ? [told, ...this.#end(job, 'length')] : [told];
  }

  /** The token of the script, or the first that the constraint allows instead. */
  #allowed(token: number, { constraint }: EngineRequest): number {
    if (constraint === undefined) return token;
    const allowed = new Uint8Array(this.vocabularySize).fill(1);
    constraint.restrict(allowed);
    const chosen = allowed[token] === 1 ? token : allowed.indexOf(1);
    constraint.accept(chosen);
    return chosen;
  }

  #end(job: Job, reason: 'stop' | 'length'): EngineEvent[] {
    this.#jobs.delete(job.request.id);
    return [finished(job, reason)];
  }
}

function finished({ request, said }: Job, reason: 'stop' | 'length' | 'aborted'): EngineEvent {
  const usage = {
    promptTokens: request.prompt.length,
    cachedTokens: 2,
    generatedTokens: said,
    draftedTokens: 0,
    acceptedTokens: 0,
    queuedSeconds: 0.001,
    firstTokenSeconds: 0.002,
    totalSeconds: 0.004,
  };
  return { kind: 'finished', id: request.id, reason, usage };
}

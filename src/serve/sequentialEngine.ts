/** An engine that runs one request after another. */
import {
  generate,
  logprobOf,
  requireRequest,
  type EngineEvent,
  type EngineRequest,
  type EngineStatus,
  type FinishReason,
  type Generation,
  type GenerationEvent,
  type ModelRunner,
  type RequestUsage,
  type ServingEngine,
  topLogprobs,
} from '../engine/index.ts';

interface Job {
  readonly request: EngineRequest;
  readonly added: number;
  steps?: Generator<GenerationEvent, Generation>;
  started: number;
  first: number;
  generated: number;
}

export class SequentialEngine implements ServingEngine {
  readonly contextTokens: number;
  readonly vocabularySize: number;
  readonly #runner: ModelRunner;
  #jobs: Job[] = [];
  #events: EngineEvent[] = [];

  constructor(runner: ModelRunner) {
    this.#runner = runner;
    this.contextTokens = runner.contextTokens;
    this.vocabularySize = runner.vocabularySize;
  }

  add(request: EngineRequest): void {
    this.#runner.reset();
    requireRequest(this.#runner, request.prompt, request.maxNewTokens);
    const now = performance.now();
    this.#jobs.push({ request, added: now, started: now, first: now, generated: 0 });
  }

  abort(id: string): void {
    const job = this.#jobs.find(({ request }) => request.id === id);
    if (job === undefined) return;
    this.#jobs = this.#jobs.filter((other) => other !== job);
    this.#events.push(finished(job, 'aborted'));
  }

  step(): readonly EngineEvent[] {
    const [job] = this.#jobs;
    if (job !== undefined) this.#events.push(...this.#run(job));
    const events = this.#events;
    this.#events = [];
    return events;
  }

  get idle(): boolean {
    return this.#jobs.length === 0;
  }

  status(): EngineStatus {
    const started = this.#jobs.filter(({ steps }) => steps !== undefined).length;
    return {
      runningRequests: started,
      waitingRequests: this.#jobs.length - started,
      usedBlocks: started,
      totalBlocks: 1,
      preemptions: 0,
      prefixQueriedTokens: 0,
      prefixHitTokens: 0,
      draftedTokens: 0,
      acceptedTokens: 0,
      publishedBlocks: 0,
      snapshots: 0,
    };
  }

  #run(job: Job): EngineEvent[] {
    if (job.steps === undefined) {
      this.#runner.reset();
      job.started = performance.now();
      job.steps = generate(this.#runner, job.request.prompt, job.request);
    }
    const next = job.steps.next();
    if (next.done) {
      this.#jobs.shift();
      return [finished(job, next.value.finishReason)];
    }
    const event = next.value;
    if (event.kind === 'prompt') return [];
    if (job.generated++ === 0) job.first = performance.now();
    const { id, logprobs } = job.request;
    const { token } = event;
    if (logprobs === undefined) return [{ kind: 'token', id, token }];
    const logits = event.step.logits.subarray(-this.vocabularySize);
    const top = topLogprobs(logits, logprobs);
    return [{ kind: 'token', id, token, logprob: logprobOf(logits, token), top }];
  }
}

function finished(job: Job, reason: FinishReason | 'aborted'): EngineEvent {
  const { request, added, started, first, generated } = job;
  const usage: RequestUsage = {
    promptTokens: request.prompt.length,
    cachedTokens: 0,
    generatedTokens: generated,
    draftedTokens: 0,
    acceptedTokens: 0,
    queuedSeconds: (started - added) / 1000,
    firstTokenSeconds: (first - added) / 1000,
    totalSeconds: (performance.now() - added) / 1000,
  };
  return { kind: 'finished', id: request.id, reason, usage };
}

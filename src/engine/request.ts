/** What is asked of an engine that serves many, and what it tells while it works. */
import type { FinishReason } from './generate.ts';
import type { SamplingOptions } from './samplingOptions.ts';

/** Says which tokens may come next, as a grammar does; one for each request. */
export interface TokenConstraint {
  /** Clears in `allowed` (one for each token of the vocabulary, all 1 before) what may not come next. */
  restrict(allowed: Uint8Array): void;
  /** Takes the token that was chosen. */
  accept(token: number): void;
}

export interface EngineRequest {
  /** One that no request of the engine has now. */
  readonly id: string;
  /** Token ids; at least one. */
  readonly prompt: readonly number[];
  /** The most tokens to generate. */
  readonly maxNewTokens: number;
  /** Tokens that end the text; the one that did is the last generated. */
  readonly eosTokenIds: readonly number[];
  /** Greedy when absent. */
  readonly sampling?: SamplingOptions;
  /** How many of the likeliest tokens to report with each token; none of them and no logprob when absent. */
  readonly logprobs?: number;
  readonly constraint?: TokenConstraint;
}

/** A natural logarithm of a probability, of the model's own logits: before temperature and penalties. */
export interface TokenLogprob {
  readonly token: number;
  readonly logprob: number;
}

/**
 * Why tokens of a prompt were computed that might have been there: `short`: all whole blocks were there but the
 * one with the last token, which is always computed; `unknown`: no text that began so was computed, or it was
 * forgotten; `snapshot`: rows were there, but of states that steps replace no copy so far on; `off`: nothing is
 * kept.
 */
export type PrefixMiss = 'short' | 'unknown' | 'snapshot' | 'off';

/** What a prompt found of itself. */
export interface PrefixReuse {
  /** Tokens that were found, in whole blocks. */
  readonly foundTokens: number;
  /** Those of them that were taken over. */
  readonly reusedTokens: number;
  /** Why not more. */
  readonly miss: PrefixMiss;
}

/** What a request cost. */
export interface RequestUsage {
  readonly promptTokens: number;
  /** Tokens of the prompt whose state was there already. */
  readonly cachedTokens: number;
  /** What was found when the request was first taken up; absent if it never was. */
  readonly prefix?: PrefixReuse;
  readonly generatedTokens: number;
  /** Guesses that were judged, and those of them that were right. */
  readonly draftedTokens: number;
  readonly acceptedTokens: number;
  /** From `add` to the first step, to the first token, and to the end. */
  readonly queuedSeconds: number;
  readonly firstTokenSeconds: number;
  readonly totalSeconds: number;
}

export type EngineEvent =
  | {
      readonly kind: 'token';
      readonly id: string;
      readonly token: number;
      readonly logprob?: number;
      readonly top?: readonly TokenLogprob[];
    }
  | {
      readonly kind: 'finished';
      readonly id: string;
      readonly reason: FinishReason | 'aborted';
      readonly usage: RequestUsage;
    }
  /** The request ends without more tokens; others go on. */
  | { readonly kind: 'failed'; readonly id: string; readonly error: Error };

/** How full the engine is, for metrics. */
export interface EngineStatus {
  readonly runningRequests: number;
  readonly waitingRequests: number;
  readonly usedBlocks: number;
  readonly totalBlocks: number;
  /** Blocks, and states after blocks, that later requests can take over. */
  readonly publishedBlocks: number;
  readonly snapshots: number;
  readonly preemptions: number;
  readonly prefixQueriedTokens: number;
  readonly prefixHitTokens: number;
  readonly draftedTokens: number;
  readonly acceptedTokens: number;
  /** Simulated cycles of all steps; null, or absent, where there is no cycle model. */
  readonly cycles?: number | null;
}

/** Serves many requests on one device, a step at a time. */
export interface ServingEngine {
  /** Throws UsageError or CapacityError for a request that can never run. */
  add(request: EngineRequest): void;
  /** Ends a request within one step and frees what it held; unknown ids are ignored. */
  abort(id: string): void;
  /** Runs one step for as many requests as fit. Nothing happens when idle. */
  step(): readonly EngineEvent[];
  /** Whether no request is running or waiting. */
  readonly idle: boolean;
  readonly contextTokens: number;
  readonly vocabularySize: number;
  status(): EngineStatus;
}

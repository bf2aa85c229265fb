/** --draft: what guesses tokens that the model then judges several at a time. */
import { UsageError } from '../base/index.ts';
import {
  generate,
  ModelRunner,
  predictorDrafter,
  speculate,
  type GenerateOptions,
  type Generation,
  type GenerationEvent,
  type Speculation,
} from '../engine/index.ts';
import type { Target } from '../compile/index.ts';
import type { Model } from '../model/index.ts';

export const DRAFT_KINDS = ['mtp'] as const;

export interface DraftOptions {
  readonly draft?: (typeof DRAFT_KINDS)[number];
  /** Guesses a round. */
  readonly draftTokens?: number;
}

/** One, as the heads are trained for. */
const DEFAULT_TOKENS = 1;

/** A model on a device, and what drafts for it where something does. */
export interface Runners {
  readonly runner: ModelRunner;
  readonly head?: ModelRunner;
}

/** Throws UsageError before anything is loaded. */
export function requireDrafts(options: DraftOptions & { readonly temperature: number }): void {
  if (options.draft === undefined) {
    if (options.draftTokens === undefined) return;
    throw new UsageError('a number of draft tokens needs something that drafts', {
      where: '--draft-tokens',
      hint: `add --draft ${DRAFT_KINDS[0]}`,
    });
  }
  if (options.temperature === 0) return;
  throw new UsageError('drafts are for the likeliest token alone: temperature must be 0', {
    where: '--draft',
    hint: 'leave out --draft or --temperature',
  });
}

/** Runners on devices of their own: the head has a state of its own. Throws what `Model.predictor` throws. */
export function openHead(
  model: Model,
  target: Target,
  contextTokens: number,
  options: Parameters<Target['open']>[0],
): Required<Runners> {
  const open = (graph: ReturnType<Model['graph']>): ModelRunner =>
    new ModelRunner(graph, target, target.open(options), contextTokens);
  const head = open(model.predictor({ logits: 'last' }));
  return { runner: open(model.graph({ logits: 'all', hidden: true })), head };
}

/** Generates with drafts if there is a head; the tokens are the same. */
export function stepsOf(
  { runner, head }: Runners,
  prompt: readonly number[],
  options: GenerateOptions,
  { draftTokens = DEFAULT_TOKENS }: DraftOptions,
): Generator<GenerationEvent, Generation | Speculation> {
  if (head === undefined) return generate(runner, prompt, options);
  return speculate(runner, prompt, { ...options, draft: predictorDrafter(head, draftTokens) });
}

/** What became of drafts, for JSON; null where there were none. */
export function draftsOf(
  generation: Generation | Speculation,
  { draft, draftTokens = DEFAULT_TOKENS }: DraftOptions,
) {
  if (!('drafted' in generation)) return null;
  const { drafted, accepted, decode } = generation;
  const acceptance = drafted === 0 ? null : accepted / drafted;
  return { kind: draft!, draftTokens, drafted, accepted, acceptance, steps: decode.steps };
}

/** ` · 12 of 30 drafts right (40%), 45 tokens in 33 steps`, or nothing. */
export function formatDrafts(generation: Generation | Speculation): string {
  if (!('drafted' in generation)) return '';
  const { drafted, accepted, decode } = generation;
  const share = drafted === 0 ? '' : ` (${Math.round((100 * accepted) / drafted)}%)`;
  return ` · ${accepted} of ${drafted} drafts right${share}, ${decode.tokens} tokens in ${decode.steps} steps`;
}

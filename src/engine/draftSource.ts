/** Drafters for the sequences of an engine, one for each. */
import type { Device, Target } from '../compile/index.ts';
import type { Graph } from '../ir/index.ts';
import { ModelRunner } from './modelRunner.ts';
import { predictorDrafter } from './predictorDrafter.ts';
import { ProgramCache } from './programCache.ts';
import { lookupDrafter, type Drafter } from './speculate.ts';

/** A drafter of one sequence, to be ended with it. */
export interface DrafterLease {
  readonly draft: Drafter;
  end(): void;
}

export interface DraftSource {
  /** A drafter for a sequence that it has seen nothing of. */
  start(): DrafterLease;
}

/** Guesses that a text goes on as it did before (prompt lookup), as `lookupDrafter` does. */
export function lookupDrafts(length = 2, count = 8): DraftSource {
  const draft = lookupDrafter(length, count);
  return { start: () => ({ draft, end: () => {} }) };
}

/**
 * Guesses by a head of multi-token prediction, at most `count` each time, on a device of its own with a slot
 * for each sequence. Throws what the passes of the target throw.
 */
export function predictorDrafts(
  head: Graph,
  target: Target,
  device: Device,
  contextTokens: number,
  count = 1,
): DraftSource {
  const programs = new ProgramCache(head, target);
  const free: number[] = [];
  let slots = 0;
  return {
    start: () => {
      const slot = free.pop() ?? slots++;
      const runner = new ModelRunner(head, target, device, contextTokens, { slot, programs });
      return { draft: predictorDrafter(runner, count), end: () => void free.push(slot) };
    },
  };
}

/**
 * Drafts by a head of multi-token prediction: it reads the model's hidden row of each token beside the
 * token that follows, and has a state of its own. Guesses after the first go on from the head's own
 * hidden rows; what it appends for them is taken back, since the model's rows take their place.
 */
import { UsageError } from '../base/index.ts';
import type { ModelRunner, Step } from './modelRunner.ts';
import type { Drafter } from './speculate.ts';

/** At most `count` guesses by `head`, a fresh or reset runner of the graph of the head. */
export function predictorDrafter(head: ModelRunner, count = 1): Drafter {
  return (tokens, hidden, most) => {
    requireRows(hidden);
    const behind = tokens.length - 1 - head.position;
    let step = lastOf(head.feed(tokens.slice(-behind), hidden));
    const mark = head.mark();
    const guesses: number[] = [];
    while (guesses.length < Math.min(count, most)) {
      const guess = step.next.at(-1)!;
      guesses.push(guess);
      if (guesses.length < Math.min(count, most)) step = lastOf(head.feed([guess], lastRow(step)));
    }
    head.rewind(mark, [], 0);
    return guesses;
  };
}

function lastOf(steps: Iterable<Step>): Step {
  return [...steps].at(-1)!;
}

function lastRow({ hidden, count }: Step): Float32Array {
  return hidden!.subarray(-hidden!.length / count);
}

function requireRows(hidden: Float32Array): void {
  if (hidden.length > 0) return;
  throw new UsageError('for drafts by a head the graph must give hidden rows of all tokens', {
    hint: 'build it with hidden: true',
  });
}

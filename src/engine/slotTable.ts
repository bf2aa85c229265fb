/**
 * Which sequence is in which slot. A step runs consecutive slots, so those that decode come first, without
 * gaps, and the one that still reads its prompt is the last. Where one leaves, another takes its slot.
 */
import type { BatchRunner } from './batchRunner.ts';
import type { Sequence } from './sequence.ts';

export class SlotTable {
  /** By slot. */
  readonly sequences: Sequence[] = [];
  /** How many sequences there may be. */
  size: number;
  readonly #runner: BatchRunner;

  constructor(size: number, runner: BatchRunner) {
    this.size = size;
    this.#runner = runner;
  }

  get isFull(): boolean {
    return this.sequences.length === this.size;
  }

  /** The one that reads its prompt. */
  get prefilling(): Sequence | undefined {
    const last = this.sequences.at(-1);
    return last?.isDecoding === false ? last : undefined;
  }

  get decoding(): readonly Sequence[] {
    return this.sequences.filter(({ isDecoding }) => isDecoding);
  }

  /** How many tokens the slots from `slot` on have. */
  tokensFrom(slot: number): number[] {
    const count = Math.max(0, this.size - slot);
    return Array.from({ length: count }, (_, i) => this.sequences[slot + i]?.computed ?? 0);
  }

  /** Gives a sequence the slot after all others. There must be one, and none that reads its prompt. */
  add(sequence: Sequence): void {
    sequence.slot = this.sequences.push(sequence) - 1;
  }

  /** Takes a sequence out; the last that decodes moves to its slot, and the last of all to the slot of that. */
  remove(sequence: Sequence): void {
    let hole = sequence.slot!;
    sequence.slot = undefined;
    const others = this.sequences.filter((one) => one !== sequence);
    const lastDecoding = others.findLast(({ isDecoding }) => isDecoding);
    for (const one of [lastDecoding, others.at(-1)]) {
      if (one === undefined || one.slot! <= hole) continue;
      const from = one.slot!;
      this.#runner.move(from, hole, one.computed);
      this.sequences[hole] = one;
      one.slot = hole;
      hole = from;
    }
    this.sequences.pop();
  }
}

/**
 * L0: cycles of a step in closed form, for exploring.
 *
 * A kernel is three amounts of work (kernelCosts.ts), and takes the largest of memory, matrix and vector
 * cycles plus what cannot overlap:
 *
 *   array    starts when the kernel before has left it and what it reads is finished; ends after `matrix`
 *            cycles, or one tile after the last load
 *   channel  runs ahead of the array by the ring of weights; loads that wait for this
 *            step's results (experts, state) start a memory latency after them, and others go past them
 *   vector   ends after `vector` cycles, or one chunk after the last product
 *
 * Left out: ports of banks, semaphores, outstanding loads, loads of norms and rotary tables, stores. The
 * first load comes a memory latency after the start.
 */
import { type Chip } from '../../../chip/index.ts';
import { type MxFormat } from '../../../ir/index.ts';
import { aheadCycles, kernelCost, type KernelCost } from './kernelCosts.ts';
import { type KernelShape, type LinearShape } from './kernelShapes.ts';

/** M × K activations times N × K weights. */
export interface GemmOperands {
  readonly M: number;
  readonly N: number;
  readonly K: number;
  readonly format: MxFormat;
}

/** Cycles of one product whose activations are on the chip, weights streamed from memory. */
export function gemmCycles(chip: Chip, { M, N, K, format }: GemmOperands): number {
  const copy = { op: 'copy', width: N, group: 0 } as const;
  const shape: LinearShape = {
    kind: 'linear',
    rows: M,
    outputs: N,
    inputs: K,
    planes: 1,
    weights: 1,
    format,
    chunkUnit: 1,
    steps: [copy],
    after: [],
  };
  return stepCycles(chip, [shape]);
}

/** Cycles of kernels one after another. */
export function stepCycles(chip: Chip, kernels: readonly KernelShape[]): number {
  const clock = new Clock(chip);
  for (const kernel of kernels) clock.add(kernel.after, kernelCost(chip, kernel));
  return Math.round(clock.cycles);
}

/** When each unit is done with the kernels so far. */
class Clock {
  cycles = 0;
  private readonly latency: number;
  /** Cycles by which the channel runs ahead of the array. */
  private readonly ahead: number;
  private channel: number;
  private array = 0;
  private vector = 0;
  private readonly finished: number[] = [];

  constructor(chip: Chip) {
    this.latency = chip.memory.latencyCycles;
    this.ahead = aheadCycles(chip);
    this.channel = this.latency;
  }

  add(after: readonly number[], cost: KernelCost): void {
    let ready = 0;
    for (let i = 0; i < after.length; i++) ready = Math.max(ready, this.finished[after[i]!]!);
    const start = Math.max(this.array, ready);
    const loaded = cost.memory > 0 ? this.load(cost, start, ready) : 0;
    if (cost.matrix > 0) {
      this.array = Math.max(start + cost.matrix, loaded + cost.lastMatrix);
    }
    const product = cost.matrix > 0 ? this.array : Math.max(ready, loaded);
    this.vector = Math.max(Math.max(this.vector, start) + cost.vector, product + cost.lastVector);
    this.finished.push(this.vector);
    this.cycles = Math.max(this.cycles, this.vector);
  }

  /** When the loads of a kernel are done. Those of later kernels go past loads that wait, by the ring. */
  private load({ memory, waits }: KernelCost, start: number, ready: number): number {
    const from = waits ? ready + this.latency : start - this.ahead;
    const loaded = Math.max(this.channel, from) + memory;
    this.channel = waits ? Math.max(this.channel + memory, loaded - this.ahead) : loaded;
    return loaded;
  }
}

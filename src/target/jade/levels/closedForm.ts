/**
 * L0: cycles of a step in closed form, for exploring.
 *
 * A kernel is three amounts of work (kernelCosts.ts), and takes the largest of memory, matrix and vector
 * cycles plus what cannot overlap:
 *
 *   array    starts when the kernel before has left it and what it reads is finished; ends after `matrix`
 *            cycles, or one tile after the last load
 *   channel  runs ahead of the array by the ring of weights; loads that wait for this
 *            step's results (experts, state) start a memory latency after them
 *   vector   ends after `vector` cycles, or one chunk after the last product
 *
 * Left out: ports of banks, semaphores, outstanding loads, loads of norms and rotary tables, stores. The
 * first load comes a memory latency after the start.
 */
import { type Chip } from '../../../chip/index.ts';
import { type MxFormat } from '../../../ir/index.ts';
import { blockBytes } from '../isa.table.ts';
import { KernelCost } from './kernelCosts.ts';
import { type KernelShape, type LinearShape } from './kernelShapes.ts';
import { Machine } from './machine.ts';
import { vectorStep } from './vectorSteps.ts';

/** M × K activations times N × K weights. */
export interface GemmOperands {
  readonly M: number;
  readonly N: number;
  readonly K: number;
  readonly format: MxFormat;
}

/** Cycles of one product whose activations are on the chip, weights streamed from memory. */
export function gemmCycles(chip: Chip, { M, N, K, format }: GemmOperands): number {
  const shape: LinearShape = {
    kind: 'linear',
    rows: M,
    outputs: N,
    inputs: K,
    planes: 1,
    weights: 1,
    blockBytes: blockBytes(format),
    chunkUnit: 1,
    steps: [vectorStep('copy', N, 0)],
    after: [],
  };
  return stepCycles(chip, [shape]);
}

/** Cycles of kernels one after another. */
export function stepCycles(chip: Chip, kernels: readonly KernelShape[]): number {
  const machine = new Machine(chip);
  const cost = new KernelCost(machine);
  const clock = new Clock(machine, kernels.length);
  for (let place = 0; place < kernels.length; place++) {
    const kernel = kernels[place]!;
    cost.of(kernel);
    clock.add(place, kernel.after, cost);
  }
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
  /** When each kernel is finished. */
  private readonly finished: Float64Array;

  constructor({ chip, ahead }: Machine, kernels: number) {
    this.latency = chip.memory.latencyCycles;
    this.ahead = ahead;
    this.channel = this.latency;
    this.finished = new Float64Array(kernels);
  }

  add(place: number, after: readonly number[], cost: KernelCost): void {
    let ready = 0;
    for (let i = 0; i < after.length; i++) ready = Math.max(ready, this.finished[after[i]!]!);
    const start = Math.max(this.array, ready);
    if (cost.memory > 0) {
      const waited = cost.waits ? ready + this.latency : start - this.ahead;
      this.channel = Math.max(this.channel, waited) + cost.memory;
    }
    if (cost.matrix > 0) {
      this.array = Math.max(start + cost.matrix, this.channel + cost.lastMatrix);
    }
    const product =
      cost.matrix > 0 ? this.array : Math.max(ready, cost.memory > 0 ? this.channel : 0);
    this.vector = Math.max(Math.max(this.vector, start) + cost.vector, product + cost.lastVector);
    this.finished[place] = this.vector;
    this.cycles = Math.max(this.cycles, this.vector);
  }
}

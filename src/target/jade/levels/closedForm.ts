/**
 * L0: cycles of a step in closed form, for exploring.
 *
 * A kernel is three amounts of work (kernelCosts.ts), and takes the largest of memory, matrix and vector
 * cycles plus what cannot overlap:
 *
 *   array    starts when the kernel before has left it and what it reads is finished; ends after `matrix`
 *            cycles, or one tile after the last load
 *   channel  runs ahead of the array by the ring of weights; loads that wait for this
 *            step's results (experts, state) start a memory latency after them, and others go past them;
 *            those of attention start when keys and values are stored, before the weights of a later query
 *   vector   ends after `vector` cycles, or one chunk after the last product; heads that start while their
 *            query is made go on from its work
 *
 * Left out: ports of banks, semaphores, loads of norms and rotary tables, stores, lists
 * of the tokens of experts. The first load comes a memory latency after the start.
 */
import { type Chip } from '../../../chip/index.ts';
import { type MxFormat } from '../../../ir/index.ts';
import { blockBytes } from '../isa.table.ts';
import { KernelCost } from './kernelCosts.ts';
import { type KernelShape, type LinearShape } from './kernelShapes.ts';
import { Machine } from './machine.ts';
import { largestBuffers } from './ringBuffers.ts';
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
  return new ClosedForm([shape]).cycles(chip);
}

/** Cycles of a step, and of them those in which a unit works; no unit works longer than the step takes. */
export interface StepCycles {
  readonly cycles: number;
  readonly memory: number;
  readonly matrix: number;
  readonly vector: number;
}

const NO_KERNEL = -1;

/** Kernels one after another, prepared for many chips. */
export class ClosedForm {
  /** Kernels that are alike, as those of many layers, are costed once. */
  private readonly shapes: readonly KernelShape[];
  private readonly costs: readonly KernelCost[];
  private readonly counts: readonly number[];
  /** Of each kernel: its cost, those whose results it reads, and when it is finished. */
  private readonly places: Int32Array;
  private readonly sources: readonly (readonly number[])[];
  private readonly finished: Float64Array;
  /** Of each kernel: one further on whose loads wait for its results and no later ones. */
  private readonly early: readonly number[];

  constructor(kernels: readonly KernelShape[]) {
    const numbers = new Map<string, number>();
    const shapes: KernelShape[] = [];
    this.places = Int32Array.from(kernels, (kernel) => {
      const text = JSON.stringify({ ...kernel, after: [], loadsAfter: [] });
      const number = numbers.get(text) ?? shapes.push(kernel) - 1;
      numbers.set(text, number);
      return number;
    });
    this.shapes = shapes;
    this.costs = shapes.map(() => new KernelCost());
    const counts = shapes.map(() => 0);
    this.places.forEach((number) => counts[number]!++);
    this.counts = counts;
    this.sources = kernels.map(({ after }) => after);
    this.early = kernels.map(() => NO_KERNEL);
    kernels.forEach(({ loadsAfter }, place) => {
      const last = Math.max(NO_KERNEL, ...(loadsAfter ?? []));
      if (last >= 0 && last < place - 1) (this.early as number[])[last] = place;
    });
    this.finished = new Float64Array(kernels.length);
  }

  /** Of one step. */
  cycles(chip: Chip): number {
    return this.step(chip).cycles;
  }

  /** One step, with what each unit does of it. */
  step(chip: Chip): StepCycles {
    const { shapes, costs, counts } = this;
    const machine = new Machine(chip, largestBuffers(shapes, chip));
    let memory = 0;
    let matrix = 0;
    let vector = 0;
    for (let i = 0; i < shapes.length; i++) {
      const cost = costs[i]!;
      cost.set(machine, shapes[i]!);
      memory += counts[i]! * cost.memory;
      matrix += counts[i]! * cost.matrix;
      vector += counts[i]! * cost.vector;
    }
    const cycles = Math.round(this.run(chip.memory.latencyCycles, machine.ahead));
    return { cycles, memory, matrix, vector };
  }

  /** `ahead`: cycles by which the channel runs ahead of the array. */
  private run(latency: number, ahead: number): number {
    const { costs, places, sources, finished, early } = this;
    let cycles = 0;
    let channel = latency;
    let array = 0;
    let vector = 0;
    let busy = 0;
    // Loads that may start: of which kernel, from when on, and when they have ended.
    let next = NO_KERNEL;
    let nextReady = 0;
    let nextLoaded = 0;
    for (let place = 0; place < places.length; place++) {
      const cost = costs[places[place]!]!;
      const after = sources[place]!;
      let ready = 0;
      for (let i = 0; i < after.length; i++) ready = Math.max(ready, finished[after[i]!]!);
      const start = Math.max(array, ready);
      let loaded = ready;
      if (next === place && nextLoaded > 0) {
        loaded = Math.max(ready, nextLoaded);
        next = NO_KERNEL;
      } else if (cost.memory > 0) {
        const from = (cost.behind ? start : ready) + latency;
        loaded = cost.waits
          ? Math.max(channel, from) + cost.memory
          : Math.max(channel + cost.memory, array + cost.behindLast, start + cost.behindFirst);
        // Loads of later kernels go past those that wait, by the ring.
        channel = cost.waits ? Math.max(channel + cost.memory, loaded - ahead) : loaded;
        if (next > place && nextLoaded === 0 && channel > nextReady) {
          const { memory } = costs[places[next]!]!;
          nextLoaded = Math.max(channel - cost.memory, nextReady) + memory;
          channel += memory;
          loaded += memory;
        }
      }
      if (cost.matrix > 0) array = Math.max(start + cost.matrix, loaded + cost.lastMatrix);
      busy = (cost.joined ? busy : Math.max(vector, start)) + cost.vector;
      // The last values wait for the last softmax.
      if (cost.joined) array = Math.max(array, busy - cost.lastVector);
      const product = cost.matrix > 0 ? array : Math.max(ready, loaded);
      vector = Math.max(busy, product + cost.lastVector);
      finished[place] = vector;
      if (early[place]! >= 0) {
        next = early[place]!;
        nextReady = vector + latency;
        nextLoaded = 0;
      }
      cycles = Math.max(cycles, vector);
    }
    return cycles;
  }
}

/**
 * L0: cycles of a step in closed form, for exploring.
 *
 * A kernel is an amount of work for each unit, and times from what it waits for until it is done
 * (kernelCosts.ts): those of a linear, of attention and of experts come from a few rounds of products and vector
 * work on the banks of the accumulators and through the ring (accumulatorBanks.ts), which go on in their pace.
 *
 *   array    starts when the kernel before has left it and what it reads is finished; is free when all its
 *            waits have passed, or one tile after the last load
 *   channel  runs ahead of the array by the ring of weights; loads that wait for this
 *            step's results (experts, state) start a memory latency after them, and others go past them;
 *            those of attention start when keys and values are stored, before the weights of a later query
 *   vector   starts behind the first products; ends after `vector` cycles, or one chunk after the last product;
 *            heads that start while their query is made go on from its work
 *
 * The rings are shared out by the largest buffers and by the values that live together, as in the schedule.
 *
 * Left out: ports of scratchpad banks, semaphores, the dispatcher, loads of norms and rotary tables but for those of
 * a query behind early keys, stores, lists of the tokens of experts. The first load comes a memory latency after
 * the start.
 */
import type { Chip } from '../../../chip/index.ts';
import type { MxFormat } from '../../../ir/index.ts';
import { blockBytes } from '../isa.table.ts';
import type { ValueBytes } from '../schedule/regions.ts';
import { KernelCost } from './kernelCosts.ts';
import type { KernelShape, LinearShape } from './kernelShapes.ts';
import { Machine } from './machine.ts';
import { largestBuffers, mostValues } from './ringBuffers.ts';
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
  private readonly values: ValueBytes;
  private readonly costs: readonly KernelCost[];
  private readonly counts: readonly number[];
  /** Of each shape: that of the query that it is joined with. */
  private readonly queries: readonly number[];
  /** Of each kernel: its cost, those whose results it reads, and when it is finished. */
  private readonly places: Int32Array;
  private readonly sources: readonly (readonly number[])[];
  private readonly finished: Float64Array;
  /** Of each kernel: one further on whose loads wait for its results and no later ones. */
  private readonly early: readonly number[];

  constructor(kernels: readonly KernelShape[]) {
    const numbers = new Map<string, number>();
    const shapes: KernelShape[] = [];
    const queries: number[] = [];
    let last = NO_KERNEL;
    this.places = Int32Array.from(kernels, (kernel) => {
      const isJoined = kernel.kind === 'attention' && kernel.joined;
      const query = isJoined ? last : NO_KERNEL;
      const text = JSON.stringify({ ...kernel, after: [], loadsAfter: [], query });
      last = numbers.get(text) ?? shapes.push(kernel) - 1;
      numbers.set(text, last);
      queries[last] = query;
      return last;
    });
    this.queries = queries;
    this.shapes = shapes;
    this.values = mostValues(shapes);
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
    const { shapes, costs, counts, queries } = this;
    const machine = new Machine(chip, largestBuffers(shapes, chip), this.values);
    let memory = 0;
    let matrix = 0;
    let vector = 0;
    for (let i = 0; i < shapes.length; i++) {
      const cost = costs[i]!;
      cost.set(machine, shapes[i]!);
      if (cost.joined) cost.join(machine, costs[queries[i]!]!);
      memory += counts[i]! * cost.memory;
      matrix += counts[i]! * cost.matrix;
      vector += counts[i]! * cost.vector;
    }
    const cycles = Math.round(this.run(chip.memory.latencyCycles, machine.ahead, memory));
    return { cycles, memory, matrix, vector };
  }

  /** `ahead`: cycles by which the channel runs ahead of the array; `memory`: of all loads. */
  private run(latency: number, ahead: number, memory: number): number {
    const { costs, places, finished, early } = this;
    let [cycles, channel] = [0, latency];
    let [array, vector, busy] = [0, 0, 0];
    // The start of the products before, and when the vector unit was free then.
    let begun = 0;
    let vectorBegun = 0;
    const next = new EarlyLoads();
    // Of the kernels after the one at hand.
    let later = memory;
    for (let place = 0; place < places.length; place++) {
      const cost = costs[places[place]!]!;
      const ready = this.readyAt(place);
      later -= cost.memory;
      // Heads start while their query is made, from the start of that.
      const start = cost.joined ? begun : Math.max(array, ready);
      let loaded = ready;
      let keys = ready;
      if (next.place === place) {
        loaded = next.end(cost, channel);
        channel = Math.max(channel + cost.memory - next.inserted, loaded - ahead);
        keys = next.from + Math.max(next.inserted, cost.firstLoad);
      } else if (cost.memory > 0) {
        const from = ready + latency;
        if (cost.waits) keys = Math.max(channel, from) + cost.firstLoad;
        // Of those that wait for room in their ring too, what goes past delays the rest.
        const past = cost.waitsForRoom ? Math.min(ahead, later) : 0;
        loaded = cost.waits
          ? Math.max(channel + past, from) + cost.memory
          : Math.max(channel + cost.memory, array + cost.behindLast, start + cost.behindFirst);
        // Loads of later kernels go past those that wait, by the ring.
        channel = cost.waits ? Math.max(channel + cost.memory, loaded - ahead) : loaded;
        if (next.place > place && next.begin(channel, cost.memory, costs[places[next.place]!]!)) {
          channel += next.inserted;
          loaded += next.inserted;
        }
      }
      if (cost.matrix > 0) {
        begun = start;
        vectorBegun = cost.joined ? vectorBegun : vector;
        array = Math.max(
          begun + cost.array,
          vectorBegun + cost.arrayAfterVector,
          keys + cost.afterLoads,
          array + cost.afterQuery,
          loaded + cost.lastMatrix,
        );
      }
      busy = (cost.joined ? busy : Math.max(vector, start + cost.toVector)) + cost.vector;
      // The last values wait for the last softmax.
      if (cost.joined) array = Math.max(array, busy - cost.lastVector);
      const product = cost.matrix > 0 ? array : Math.max(ready, loaded);
      vector = Math.max(busy, product + cost.lastVector);
      finished[place] = vector;
      if (early[place]! >= 0) next.allow(early[place]!, vector + latency);
      cycles = Math.max(cycles, vector);
    }
    return cycles;
  }

  /** When what a kernel reads is finished. */
  private readyAt(place: number): number {
    const after = this.sources[place]!;
    let ready = 0;
    for (let i = 0; i < after.length; i++) ready = Math.max(ready, this.finished[after[i]!]!);
    return ready;
  }
}

/** Loads of a kernel that may start while an earlier one has its products: those of keys and values. */
class EarlyLoads {
  /** Of which kernel; when they may start, and when they have. */
  place = NO_KERNEL;
  from = 0;
  /** Cycles of the channel that they took in an earlier kernel. */
  inserted = 0;

  allow(place: number, from: number): void {
    this.place = place;
    this.from = from;
    this.inserted = 0;
  }

  /** Whether they start within the loads of a kernel before, of `memory` cycles, which end at `channel`. */
  begin(channel: number, memory: number, cost: KernelCost): boolean {
    if (this.inserted > 0 || channel <= this.from) return false;
    this.from = Math.max(channel - memory, this.from);
    this.inserted = cost.early;
    return true;
  }

  /** When all are complete, of a kernel with this cost: the ring takes the rest behind what is loaded already. */
  end({ memory }: KernelCost, channel: number): number {
    this.place = NO_KERNEL;
    if (this.inserted === memory) return this.from + memory;
    if (this.inserted > 0) return channel + memory - this.inserted;
    this.from = Math.max(channel, this.from);
    return this.from + memory;
  }
}

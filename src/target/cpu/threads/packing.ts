/**
 * A program as threads are told of it. Its chunks are thousands, so they are numbers in a few arrays: a worker gets them in
 * one copy, and there is nothing of them that a collector of garbage would have to visit.
 */
import type { KernelName } from '../kernels/kernels.table.ts';

/** What the chunks of a step have in common. */
export interface BoundStep {
  /** The step of the program. */
  readonly number: number;
  readonly kernel: KernelName;
  /**
   * Places in the arguments whose values are addresses from the start of the scratch memory that each thread
   * has for itself.
   */
  readonly scratchArgs: readonly number[];
  /** Places in the arguments whose values are addresses in the state of slot 0, and the bytes of a slot. */
  readonly stateArgs: readonly StateArg[];
}

export interface StateArg {
  readonly index: number;
  readonly slotBytes: number;
}

/** A call of a kernel, of a part of a step; arguments in the order of the table. */
export interface Chunk {
  readonly step: BoundStep;
  readonly args: readonly number[];
}

/** Chunks that a thread does one after the other. */
export type Task = readonly Chunk[];

/** Tasks that do not depend on one another: those of the steps of a section. */
export type Call = readonly Task[];

/** Calls, one after the other. */
export interface PackedCalls {
  readonly steps: readonly BoundStep[];
  /** How many tasks each call has, and how many chunks each task. */
  readonly tasksOfCall: Uint32Array;
  readonly chunksOfTask: Uint32Array;
  /** Of each chunk its step, by its place in `steps`, and where its arguments start. */
  readonly stepOfChunk: Uint32Array;
  readonly argsOfChunk: Uint32Array;
  readonly args: Float64Array;
}

/** The calls as numbers. */
export function packCalls(calls: readonly Call[]): PackedCalls {
  const chunks = new ChunkList();
  const chunksOfTask: number[] = [];
  for (const call of calls) {
    for (const task of call) {
      for (const chunk of task) chunks.add(chunk);
      chunksOfTask.push(task.length);
    }
  }
  return {
    ...chunks.packed,
    tasksOfCall: new Uint32Array(calls.map(({ length }) => length)),
    chunksOfTask: new Uint32Array(chunksOfTask),
  };
}

class ChunkList {
  readonly #places = new Map<BoundStep, number>();
  readonly #stepOfChunk: number[] = [];
  readonly #argsOfChunk = [0];
  readonly #args: number[] = [];

  add({ step, args }: Chunk): void {
    const place = this.#places.get(step) ?? this.#places.size;
    this.#places.set(step, place);
    this.#stepOfChunk.push(place);
    for (const argument of args) this.#args.push(argument);
    this.#argsOfChunk.push(this.#args.length);
  }

  get packed(): Omit<PackedCalls, 'tasksOfCall' | 'chunksOfTask'> {
    return {
      steps: [...this.#places.keys()],
      stepOfChunk: new Uint32Array(this.#stepOfChunk),
      argsOfChunk: new Uint32Array(this.#argsOfChunk),
      args: new Float64Array(this.#args),
    };
  }
}

/** The step of a chunk. */
export function stepOf({ steps, stepOfChunk }: PackedCalls, chunk: number): BoundStep {
  return steps[stepOfChunk[chunk]!]!;
}

/** The arguments of a chunk, to be changed. */
export function argsOf({ args, argsOfChunk }: PackedCalls, chunk: number): number[] {
  const own: number[] = [];
  for (let i = argsOfChunk[chunk]!; i < argsOfChunk[chunk + 1]!; i++) own.push(args[i]!);
  return own;
}

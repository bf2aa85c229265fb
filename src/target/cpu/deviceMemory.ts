/**
 * The memory of a device, a 32-bit WebAssembly memory, and others with panels where weights need more (weightPlaces.ts):
 *
 *   0      nothing, so that no address is 0
 *   64     weights, f32 or panels, loaded when the first program is run
 *   …      states, f32 [batch][capacity][elements of a token] or [batch][elements], zeros at first
 *   …      the arena: activations of the program that runs, and after it scratch memory of each thread
 *
 * Batch, capacity and arena grow when a program needs more; states then move, and keep what they
 * hold. Capacity doubles where there is room for that, so moves are rare.
 */
import { CapacityError, UsageError } from '../../base/index.ts';
import type { DeviceBytes } from '../../compile/index.ts';
import type { WasmMemory } from '../../wasm/index.ts';
import type { CpuProgram } from './emit.ts';
import type { StateSize } from './modelFacts.ts';
import {
  createKernelMemory,
  createPanelMemory,
  MEMORY_LIMIT_BYTES,
  PAGE_BYTES,
} from './kernels/memories.ts';
import { ALIGNMENT_BYTES, alignBytes, ELEMENT_BYTES } from './kernels/vectors.ts';
import type { Argument, Placed } from './steps.ts';
import type { ImageStore } from './images/imageStore.ts';
import type { Readers } from './loading/readers.node.ts';
import { loadWeights, type LoadingOptions } from './weightLoading.ts';
import { placeWeights, type PlacedWeights } from './weightPlaces.ts';

/** What the first program brought; later ones must be of the same model. */
interface LoadedModel extends PlacedWeights {
  readonly states: ReadonlyMap<string, StateSize>;
  /** First byte after the weights of the first memory. */
  readonly weightsEnd: number;
}

/** Where everything is; a new object whenever an address changes. */
export interface Layout {
  readonly weights: ReadonlyMap<string, number>;
  /** Of slot 0; those of the next follow. */
  readonly states: ReadonlyMap<string, number>;
  /** Of each state. */
  readonly slotBytes: ReadonlyMap<string, number>;
  readonly batch: number;
  /** Tokens that the states have room for, of each sequence. */
  readonly capacity: number;
  /** First byte after the states. */
  readonly arenaAddress: number;
}

/** What there must be room for: so many sequences of so many tokens, beside activations. */
interface Room {
  readonly sequences: number;
  readonly tokens: number;
  readonly activationBytes: number;
}

export interface MemoryOptions {
  /** What states grow to, unless a program needs more. */
  readonly contextTokens: number;
  /** More than one share the memory. */
  readonly threads: number;
  /** Where weights are kept between runs. */
  readonly images?: ImageStore | undefined;
  /** Threads that help to read them, once. */
  readonly readers?: Readers | undefined;
  /** What weights may take in a memory; all that it has unless said. */
  readonly memoryBytes?: number | undefined;
  /** What weights may take in all; what the host gives unless said. */
  readonly machineBytes?: number | undefined;
}

/** Memories that programs of one model share. */
export class DeviceMemory {
  readonly memory: WasmMemory;
  readonly #contextTokens: number;
  readonly #threads: number;
  readonly #loading: LoadingOptions;
  readonly #memoryBytes: number;
  readonly #machineBytes: number;
  /** Further memories, with weights in panels. */
  #panels: readonly WasmMemory[] = [];
  #model: LoadedModel | undefined;
  #finishLoading: (() => void) | undefined;
  /** Programs that are known to be of that model. */
  readonly #checked = new WeakSet<CpuProgram>();
  #layout: Layout | undefined;
  /** Of the program that needs most. */
  #activationBytes = 0;
  /** Beyond this the memory is still as it was made: zeros that the host need not provide. */
  #touchedBytes = 0;

  constructor({
    contextTokens,
    threads,
    images,
    readers,
    memoryBytes,
    machineBytes,
  }: MemoryOptions) {
    this.#contextTokens = contextTokens;
    this.#loading = { images, ...(threads > 1 && { readers }) };
    this.#threads = threads;
    this.#memoryBytes = memoryBytes ?? MEMORY_LIMIT_BYTES;
    this.#machineBytes = machineBytes ?? Infinity;
    this.memory = createKernelMemory(threads > 1);
  }

  get bytes(): DeviceBytes {
    const [model, layout] = [this.#model, this.#layout];
    if (model === undefined || layout === undefined) return { weights: 0, state: 0 };
    return {
      weights: model.ends.reduce((sum, end) => sum + end - ALIGNMENT_BYTES, 0),
      state: layout.arenaAddress - model.weightsEnd,
    };
  }

  /**
   * The further memories for the weights of the first program, the same until it is another. Throws CapacityError
   * where they do not fit.
   */
  panelsOf(program: CpuProgram): readonly WasmMemory[] {
    if (this.#model !== undefined) return this.#panels;
    const [first, ...ends] = placeWeights(program, this.#memoryBytes).ends;
    requireMachine(
      ends.reduce((sum, end) => sum + end, first!),
      this.#machineBytes,
    );
    const pages = ends.map((end) => Math.ceil(end / PAGE_BYTES));
    const known = this.#panels.map(({ buffer }) => buffer.byteLength / PAGE_BYTES);
    if (pages.join() === known.join()) return this.#panels;
    this.#panels = orRefuse(
      ends.reduce((sum, end) => sum + end, 0),
      () => ends.map((end) => createPanelMemory(end, this.#threads > 1)),
    );
    return this.#panels;
  }

  /**
   * Makes room for `program` on slots from `firstSlot` on, and begins to load the weights if it is the first. Throws
   * CapacityError when it does not fit, UsageError for a program of another model.
   */
  reserve(program: CpuProgram, firstSlot = 0): Layout {
    const panels = this.panelsOf(program);
    const model = this.#model ?? loadedModel(program, this.#memoryBytes);
    if (!this.#checked.has(program)) requireModel(program, model);
    const { B, S } = program.dims;
    const { arenaBytes, scratchBytes } = program.content;
    const activationBytes = arenaBytes + this.#threads * scratchBytes;
    const room = { sequences: firstSlot + B, tokens: S, activationBytes };
    const load = (): void => {
      this.#touchedBytes = model.weightsEnd;
      this.#finishLoading = loadWeights(program, model, [this.memory, ...panels], this.#loading);
    };
    const layout = this.#fit(model, room, program.graph.name, load);
    this.#checked.add(program);
    return layout;
  }

  /** The weights are there after it. Throws what loading one throws; the next program then loads them anew. */
  finishLoading(): void {
    const finish = this.#finishLoading;
    this.#finishLoading = undefined;
    try {
      finish?.();
    } catch (error) {
      this.#model = this.#layout = undefined;
      throw error;
    }
  }

  /** Makes room; where weights are not there yet, `load` begins to bring them. */
  #fit(model: LoadedModel, room: Room, where: string, load?: () => void): Layout {
    const layout = this.#layoutFor(room, model, where);
    const endBytes = layout.arenaAddress + room.activationBytes;
    this.#grow(endBytes);
    if (this.#model === undefined) load?.();
    this.#model = model;
    if (layout !== this.#layout) this.#moveStates(layout, model);
    this.#layout = layout;
    this.#touchedBytes = Math.max(this.#touchedBytes, endBytes);
    this.#activationBytes = Math.max(this.#activationBytes, room.activationBytes);
    return layout;
  }

  /** The states of the model, and of each the bytes of a slot; there is none before the first program. */
  get states(): ReadonlyMap<string, StateSize> {
    return this.#model?.states ?? new Map();
  }

  /** What a slot has of a state; nothing of a slot that no program has used. Valid until the next `reserve`. */
  slotBytes(name: string, slot: number): Uint8Array {
    const { batch, states, slotBytes } = this.#layout!;
    const bytes = slot < batch ? slotBytes.get(name)! : 0;
    return new Uint8Array(this.memory.buffer, states.get(name)! + slot * bytes, bytes);
  }

  /** Makes room for a slot of so many tokens. Throws as `reserve` does. */
  reserveSlot(slot: number, tokens: number): void {
    const room = { sequences: slot + 1, tokens, activationBytes: this.#activationBytes };
    this.#fit(this.#model!, room, 'the states of a sequence');
  }

  /** Forgets the state of all sequences. */
  reset(): void {
    if (this.#layout === undefined) return;
    const { weightsEnd } = this.#model!;
    new Uint8Array(this.memory.buffer).fill(0, weightsEnd, this.#layout.arenaAddress);
  }

  /** `count` elements of the arena, i32; valid until the next `reserve`. */
  integers({ addressBytes }: Placed, count: number): Int32Array {
    return new Int32Array(this.memory.buffer, this.#layout!.arenaAddress + addressBytes, count);
  }

  /** `count` elements of the arena, f32; valid until the next `reserve`. */
  floats({ addressBytes }: Placed, count: number): Float32Array {
    return new Float32Array(this.memory.buffer, this.#layout!.arenaAddress + addressBytes, count);
  }

  /** The layout as it is if there is room, else a larger one. */
  #layoutFor(room: Room, model: LoadedModel, where: string): Layout {
    const { sequences, tokens, activationBytes } = room;
    const old = this.#layout;
    if (old !== undefined && sequences <= old.batch && tokens <= old.capacity) return old;
    const batch = Math.max(sequences, old?.batch ?? 0);
    const capacity = Math.max(tokens, old?.capacity ?? 0);
    const doubled = Math.max(capacity, Math.min(2 * (old?.capacity ?? 0), this.#contextTokens));
    const layouts = [
      placeStates(model, 2 ** Math.ceil(Math.log2(batch)), doubled),
      placeStates(model, batch, doubled),
      placeStates(model, batch, capacity),
    ];
    const fits = layouts.find(
      ({ arenaAddress }) => arenaAddress + activationBytes <= MEMORY_LIMIT_BYTES,
    );
    if (fits !== undefined) return fits;
    throw doesNotFit(where, model, layouts.at(-1)!, activationBytes);
  }

  #grow(sizeBytes: number): void {
    const pages = Math.ceil((sizeBytes - this.memory.buffer.byteLength) / PAGE_BYTES);
    if (pages <= 0) return;
    orRefuse(sizeBytes, () => this.memory.grow(pages));
  }

  /** Moves what the states hold from the old layout to `next`; the rest of them is zeros. */
  #moveStates(next: Layout, { states, weightsEnd }: LoadedModel): void {
    const old = this.#layout;
    const bytes = new Uint8Array(this.memory.buffer);
    const saved = bytes.slice(weightsEnd, old?.arenaAddress ?? weightsEnd);
    bytes.fill(0, weightsEnd, Math.min(next.arenaAddress, this.#touchedBytes));
    if (old === undefined) return;
    for (const name of states.keys()) {
      const [held, room] = [old, next].map(({ slotBytes }) => slotBytes.get(name)!);
      for (let b = 0; b < old.batch; b++) {
        const from = old.states.get(name)! - weightsEnd + b * held!;
        bytes.set(saved.subarray(from, from + held!), next.states.get(name)! + b * room!);
      }
    }
  }
}

/** Where the scratch memory of the first thread starts; those of the others follow. */
export function scratchAddress({ content }: CpuProgram, { arenaAddress }: Layout): number {
  return arenaAddress + content.arenaBytes;
}

/** The value of an argument for a kernel; of scratch memory, from the start of that. */
export function resolveArgument(argument: Argument<Placed>, layout: Layout): number {
  if (typeof argument === 'number') return argument;
  if (argument === 'capacity') return layout.capacity;
  if (argument.space === 'arena') return layout.arenaAddress + argument.addressBytes;
  if (argument.space === 'scratch') return argument.offsetBytes;
  const addresses = argument.space === 'weight' ? layout.weights : layout.states;
  return addresses.get(argument.name)! + argument.offsetBytes;
}

/** Bytes of a state for one sequence. */
function sequenceBytes({ elements, perToken }: StateSize, capacity: number): number {
  return (perToken ? capacity : 1) * elements * ELEMENT_BYTES;
}

/** Throws CapacityError where the host refuses memory. */
function orRefuse<T>(sizeBytes: number, allocate: () => T): T {
  try {
    return allocate();
  } catch {
    throw new CapacityError(`the cpu target must have ${sizeBytes} bytes, which the host refuses`, {
      hint: 'free some memory, or use a shorter context or a smaller model',
    });
  }
}

/** Memory that the machine does not have would be given all the same, and the machine be of no more use. */
function requireMachine(weightBytes: number, machineBytes: number): void {
  if (weightBytes <= machineBytes) return;
  throw new CapacityError(
    `weights must fit in the ${machineBytes} bytes of memory of this machine, not take ${weightBytes}`,
    { hint: 'use a checkpoint with fewer bits a weight, or a smaller model' },
  );
}

function loadedModel(program: CpuProgram, memoryBytes: number): LoadedModel {
  const placed = placeWeights(program, memoryBytes);
  return { ...placed, states: program.model.states, weightsEnd: placed.ends[0]! };
}

function placeStates(model: LoadedModel, batch: number, capacity: number): Layout {
  const states = new Map<string, number>();
  const slotBytes = new Map<string, number>();
  let arenaAddress = model.weightsEnd;
  for (const [name, size] of model.states) {
    const bytes = sequenceBytes(size, capacity);
    states.set(name, arenaAddress);
    slotBytes.set(name, bytes);
    arenaAddress += alignBytes(batch * bytes);
  }
  return { weights: model.weights, states, slotBytes, batch, capacity, arenaAddress };
}

function requireModel({ model: { weights, states }, graph }: CpuProgram, model: LoadedModel): void {
  const unknown =
    [...weights].find((name) => !model.weights.has(name)) ??
    [...states].find(([name, size]) => !sameSize(size, model.states.get(name)))?.[0];
  if (unknown === undefined) return;
  throw new UsageError(`a device must run programs of one model, not one that has ${unknown} too`, {
    where: graph.name,
    hint: 'open another device',
  });
}

function sameSize(a: StateSize, b: StateSize | undefined): boolean {
  return a.elements === b?.elements && a.perToken === b.perToken;
}

function doesNotFit(
  where: string,
  { weightsEnd }: LoadedModel,
  { arenaAddress, batch, capacity }: Layout,
  activationBytes: number,
): CapacityError {
  const total = arenaAddress + activationBytes;
  return new CapacityError(
    `weights (${weightsEnd - ALIGNMENT_BYTES} bytes), state of ${batch} × ${capacity} tokens ` +
      `(${arenaAddress - weightsEnd} bytes) and activations (${activationBytes} bytes) must fit in the ` +
      `${MEMORY_LIMIT_BYTES} bytes of a 32-bit memory, not be ${total}`,
    { where, hint: 'use a shorter context, fewer sequences or tokens a step, or a smaller model' },
  );
}

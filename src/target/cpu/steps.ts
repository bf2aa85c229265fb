/**
 * Steps: calls of kernels. Their arguments are sizes, and places whose addresses become known one
 * after another: of activations when the memory is planned, of weights and state on the device.
 */
import type { PlannedBuffer } from '../../compile/index.ts';
import {
  countElements,
  resolveShape,
  type Dims,
  type OpAttrs,
  type TensorType,
} from '../../ir/index.ts';
import { KERNELS, type KernelName } from './kernels/kernels.table.ts';
import type { PanelFormatName } from './panels/panelFormats.table.ts';
import type { WeightStorage } from './weightStorage.ts';
import { ACTIVATION_BLOCK } from './kernels/quantizeRows.ts';
import { alignBytes, ELEMENT_BYTES } from './kernels/vectors.ts';
import { Rounds, writes, type Access } from './rounds.ts';
import { sectionsOf } from './sections.ts';

/** In a weight or a state of the device. */
export interface Named {
  readonly space: 'weight' | 'state';
  readonly name: string;
  /** Of a weight that is kept in panels. */
  readonly format?: PanelFormatName;
  readonly offsetBytes: number;
}

/** A place in a buffer of activations that has no address yet. */
export interface Unplaced {
  readonly space: 'arena';
  readonly buffer: ArenaBuffer;
  readonly offsetBytes: number;
}

/** An address from the start of the arena. */
export interface Placed {
  readonly space: 'arena';
  readonly addressBytes: number;
}

/** A place in the scratch memory that each thread has for itself; what is there is gone after the step. */
export interface Scratch {
  readonly space: 'scratch';
  readonly offsetBytes: number;
}

/** `capacity` is the number of tokens that the device's state has room for, of each sequence. */
export type Argument<Arena> = number | 'capacity' | Named | Scratch | Arena;

/** The arguments of a kernel by the names in its table. */
export type Arguments<K extends KernelName, Arena> = {
  readonly [P in keyof (typeof KERNELS)[K]]: Argument<Arena>;
};

/** A call of a kernel. */
export interface Step<Arena> {
  readonly kernel: KernelName;
  /** Steps of one round do not depend on one another. */
  readonly round: number;
  /** Rounds of one section are done row by row, where it goes by rows: no row waits for others. */
  readonly section: number;
  readonly byRows: boolean;
  /** Whether it is of the last token alone. */
  readonly isOfLast: boolean;
  /** Where in the model it comes from. */
  readonly label: string;
  readonly args: Readonly<Record<string, Argument<Arena>>>;
}

/** Cosines and sines, which the host writes: f32 [rows][frequencies]. */
export interface RotaryFeed<Arena> {
  readonly frequencies: readonly number[];
  readonly magnitude: number;
  /** Added to positions. */
  readonly offset: number;
  readonly cos: Arena;
  readonly sin: Arena;
}

/** Rows of another graph, which the host writes. */
export interface HiddenFeed<Arena> {
  readonly at: Arena;
  readonly elements: number;
}

/** What the host writes before the first step. */
export interface Feeds<Arena> {
  /** i32 [B][T], and i32 [B]. */
  readonly tokens: Arena;
  readonly positions: Arena;
  /** f32 [B][T] rows of another graph, where this one reads such. */
  readonly hidden?: HiddenFeed<Arena>;
  readonly rotary: readonly RotaryFeed<Arena>[];
}

/** A buffer of activations; its lifetime, in rounds, grows as steps use it, and at the end to whole sections. */
export interface ArenaBuffer extends PlannedBuffer {
  first: number;
  last: number;
}

/** Builds the steps of a program and the lifetimes of its buffers. */
export class StepList {
  readonly #dims: Dims;
  readonly #dimsOfLast: Dims;
  #isOfLast = false;
  readonly #steps: Omit<Step<Unplaced>, 'section' | 'byRows'>[] = [];
  readonly #rounds = new Rounds();
  readonly buffers: ArenaBuffer[] = [];
  readonly tokens: Unplaced;
  readonly positions: Unplaced;
  #scratchEnd = 0;
  #scratchBytes = 0;
  #hidden: HiddenFeed<Unplaced> | undefined;
  readonly #rotary: RotaryFeed<Unplaced>[] = [];

  /** Rows in 8 bits, by the place of the rows that they are made from. */
  readonly #quantized = new Map<object, Unplaced>();
  readonly #storage: WeightStorage;
  readonly #threads: number;

  /** For a step that so many threads share. */
  constructor(dims: Dims, storage: WeightStorage, threads = 1) {
    this.#dims = dims;
    this.#dimsOfLast = { ...dims, T: 1 };
    this.#storage = storage;
    this.#threads = threads;
    this.tokens = this.#allocateForHost('tokens', dims.B * dims.T);
    this.positions = this.#allocateForHost('positions', dims.B);
  }

  /** The extents of what is lowered. */
  get dims(): Dims {
    return this.#isOfLast ? this.#dimsOfLast : this.#dims;
  }

  /** The first token of what is lowered. */
  get firstToken(): number {
    return this.#isOfLast ? this.#dims.T - 1 : 0;
  }

  /** Lowers what is computed of the last token alone. */
  ofLastToken<R>(lower: () => R): R {
    this.#isOfLast = true;
    const result = lower();
    this.#isOfLast = false;
    return result;
  }

  /** The steps, round by round, when all have been added: then buffers live as long as the sections that use them. */
  finish(): readonly Step<Unplaced>[] {
    const { B, T } = this.#dims;
    const steps = this.#steps.toSorted((a, b) => a.round - b.round);
    const sections = sectionsOf(steps, { rows: B * T, readers: T === 1 ? this.#threads : 1 });
    for (const buffer of this.buffers) {
      buffer.first = sections.firstRound(buffer.first);
      buffer.last = sections.lastRound(buffer.last);
    }
    return steps.map((step) => {
      const { round } = step;
      return { ...step, section: sections.of(round), byRows: sections.byRows(round) };
    });
  }

  get feeds(): Feeds<Unplaced> {
    const { tokens, positions } = this;
    const hidden = this.#hidden;
    return { tokens, positions, ...(hidden && { hidden }), rotary: this.#rotary };
  }

  /** A buffer of elements. */
  allocate(name: string, elements: number): Unplaced {
    const sizeBytes = elements * ELEMENT_BYTES;
    const buffer = { name, region: 'arena', sizeBytes, first: Infinity, last: 0 };
    this.buffers.push(buffer);
    return { space: 'arena', buffer, offsetBytes: 0 };
  }

  /** A buffer that is written before the first step. */
  #allocateForHost(name: string, elements: number): Unplaced {
    const place = this.allocate(name, elements);
    place.buffer.first = 0;
    return place;
  }

  /** Room for elements that only the next step uses, whose parts have such each. */
  scratch(elements: number): Scratch {
    const offsetBytes = this.#scratchEnd;
    this.#scratchEnd += alignBytes(elements * ELEMENT_BYTES);
    this.#scratchBytes = Math.max(this.#scratchBytes, this.#scratchEnd);
    return { space: 'scratch', offsetBytes };
  }

  /** What the step with most scratch memory needs. */
  get scratchBytes(): number {
    return this.#scratchBytes;
  }

  add<K extends KernelName>(kernel: K, label: string, args: Arguments<K, Unplaced>): void {
    this.#scratchEnd = 0;
    const used = Object.entries<Argument<Unplaced>>(args).flatMap(([parameter, argument]) =>
      accessOf(argument, writes(kernel, parameter)),
    );
    const round = this.#rounds.next(used);
    for (const argument of Object.values<Argument<Unplaced>>(args)) use(argument, round);
    this.#steps.push({ kernel, round, isOfLast: this.#isOfLast, label, args });
  }

  weight(name: string): Named {
    const format = this.#storage.get(name);
    return { space: 'weight', name, offsetBytes: 0, ...(format && { format }) };
  }

  /** The rows of K elements at x in 8 bits, made once for all that read them. */
  quantizedRows(
    x: Named | Unplaced,
    { rows, K, xStride = K }: { rows: number; K: number; xStride?: number },
    label: string,
  ): Unplaced {
    const known = this.#quantized.get(x);
    if (known !== undefined) return known;
    const out = this.allocate(`${label} in 8 bits`, quantizedElements(rows, K));
    this.add('quantizeRows', label, { x, xStride, out, rows, K });
    this.#quantized.set(x, out);
    return out;
  }

  /** Keeps a buffer to the end of the program, for the host to read. */
  keep({ buffer }: Unplaced): void {
    buffer.last = Infinity;
  }

  /** The rows of another graph, which the host writes. */
  hiddenRows(type: TensorType): Unplaced {
    const elements = this.sizeOf(type);
    this.#hidden ??= { at: this.#allocateForHost('hidden', elements), elements };
    return this.#hidden.at;
  }

  /** The tables of an angle for each token of the step, shared by all who rotate alike. */
  rotaryTables(attrs: OpAttrs['rotaryEmbedding']): RotaryFeed<Unplaced> {
    const { frequencies, magnitude, offset = 0 } = attrs;
    const known = this.#rotary.find(
      (feed) =>
        feed.magnitude === magnitude &&
        feed.offset === offset &&
        sameNumbers(feed.frequencies, frequencies),
    );
    if (known !== undefined) return known;
    const { B, T } = this.#dims;
    const size = B * T * frequencies.length;
    const [cos, sin] = ['cosines', 'sines'].map((name) => this.#allocateForHost(name, size)) as [
      Unplaced,
      Unplaced,
    ];
    const feed = { frequencies, magnitude, offset, cos, sin };
    this.#rotary.push(feed);
    return feed;
  }

  /** The extents of a type. */
  shapeOf({ shape }: TensorType): number[] {
    return resolveShape(shape, this.dims);
  }

  sizeOf(type: TensorType): number {
    return countElements(this.shapeOf(type));
  }

  /** All axes but the last. */
  rowsOf(type: TensorType): number {
    return countElements(this.shapeOf(type).slice(0, -1));
  }
}

/** Elements of a buffer for rows in 8 bits. */
export function quantizedElements(rows: number, K: number): number {
  const { bytes, columns } = ACTIVATION_BLOCK;
  return Math.ceil((rows * K * bytes) / columns / ELEMENT_BYTES);
}

function sameNumbers(a: readonly number[], b: readonly number[]): boolean {
  return a === b || (a.length === b.length && a.every((number, i) => number === b[i]));
}

function use(argument: Argument<Unplaced>, round: number): void {
  if (typeof argument !== 'object' || argument.space !== 'arena') return;
  const { buffer } = argument;
  buffer.first = Math.min(buffer.first, round);
  buffer.last = Math.max(buffer.last, round);
}

/** What a step does to what an argument names, where other steps may too. */
function accessOf(argument: Argument<Unplaced>, written: boolean): readonly Access[] {
  if (typeof argument !== 'object') return [];
  if (argument.space === 'arena')
    return [{ what: argument.buffer, offsetBytes: argument.offsetBytes, written }];
  if (argument.space !== 'state') return [];
  return [{ what: argument.name, offsetBytes: argument.offsetBytes, written }];
}

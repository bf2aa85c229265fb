/**
 * Steps: calls of kernels. Their arguments are sizes, and places whose addresses become known one
 * after another: of activations when the memory is planned, of weights and state on the device.
 */
import { type PlannedBuffer } from '../../compile/index.ts';
import {
  countElements,
  resolveShape,
  type Dims,
  type OpAttrs,
  type TensorType,
} from '../../ir/index.ts';
import { KERNELS, type KernelName } from './kernels/kernels.table.ts';
import { ELEMENT_BYTES } from './kernels/vectors.ts';

/** In a weight or a state of the device. */
export interface Named {
  readonly space: 'weight' | 'state';
  readonly name: string;
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

/** `capacity` is the number of tokens that the device's state has room for, of each sequence. */
export type Argument<Arena> = number | 'capacity' | Named | Arena;

/** The arguments of a kernel by the names in its table. */
export type Arguments<K extends KernelName, Arena> = {
  readonly [P in keyof (typeof KERNELS)[K]]: Argument<Arena>;
};

/** A call of a kernel. */
export interface Step<Arena> {
  readonly kernel: KernelName;
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

/** A buffer of activations; its lifetime grows as steps use it. */
export interface ArenaBuffer extends PlannedBuffer {
  last: number;
}

/** Builds the steps of a program and the lifetimes of its buffers. */
export class StepList {
  readonly dims: Dims;
  readonly steps: Step<Unplaced>[] = [];
  readonly buffers: ArenaBuffer[] = [];
  readonly tokens: Unplaced;
  readonly positions: Unplaced;
  #hidden: HiddenFeed<Unplaced> | undefined;
  readonly #rotary = new Map<string, RotaryFeed<Unplaced>>();

  constructor(dims: Dims) {
    this.dims = dims;
    this.tokens = this.allocate('tokens', dims.B * dims.T);
    this.positions = this.allocate('positions', dims.B);
  }

  get feeds(): Feeds<Unplaced> {
    const { tokens, positions } = this;
    const hidden = this.#hidden;
    return { tokens, positions, ...(hidden && { hidden }), rotary: [...this.#rotary.values()] };
  }

  /** A buffer of elements, used from the next step on. */
  allocate(name: string, elements: number, first = this.steps.length): Unplaced {
    const sizeBytes = elements * ELEMENT_BYTES;
    const buffer = { name, region: 'arena', sizeBytes, first, last: first };
    this.buffers.push(buffer);
    return { space: 'arena', buffer, offsetBytes: 0 };
  }

  add<K extends KernelName>(kernel: K, label: string, args: Arguments<K, Unplaced>): void {
    for (const argument of Object.values<Argument<Unplaced>>(args)) this.#use(argument);
    this.steps.push({ kernel, label, args });
  }

  /** Keeps a buffer to the end of the program, for the host to read. */
  keep({ buffer }: Unplaced): void {
    buffer.last = Infinity;
  }

  /** The rows of another graph, which the host writes. */
  hiddenRows(type: TensorType): Unplaced {
    const elements = this.sizeOf(type);
    this.#hidden ??= { at: this.allocate('hidden', elements, 0), elements };
    return this.#hidden.at;
  }

  /** The tables of an angle for each token of the step, shared by all who rotate alike. */
  rotaryTables(attrs: OpAttrs['rotaryEmbedding']): RotaryFeed<Unplaced> {
    const { frequencies, magnitude, offset = 0 } = attrs;
    const key = JSON.stringify([frequencies, magnitude, offset]);
    const known = this.#rotary.get(key);
    if (known !== undefined) return known;
    const { B, T } = this.dims;
    const size = B * T * frequencies.length;
    const [cos, sin] = [this.allocate('cosines', size, 0), this.allocate('sines', size, 0)];
    const feed = { frequencies, magnitude, offset, cos, sin };
    this.#rotary.set(key, feed);
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

  #use(argument: Argument<Unplaced>): void {
    if (typeof argument !== 'object' || argument.space !== 'arena') return;
    const { buffer } = argument;
    buffer.last = Math.max(buffer.last, this.steps.length);
  }
}

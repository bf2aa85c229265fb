/**
 * Kernels of machine code in the place of those of WebAssembly, on the same memory and with the same arguments.
 *
 * What machine code does is not bounded by the memory, so all that a call may touch is checked before it; a call
 * of a shape that has no machine code goes to WebAssembly.
 */
import { CeladonError } from '../../../base/index.ts';
import { type WasmMemory } from '../../../wasm/index.ts';
import { openLibrary, type LinkedLibrary, type NativeLibrary } from '../../../x86/index.ts';
import { type Kernels } from '../kernels/kernelModule.ts';
import { KERNELS, type KernelName } from '../kernels/kernels.table.ts';
import { ATTENTION, ATTENTION_LIMITS } from './attention.ts';
import { LINEAR } from './linear.ts';

const ELEMENT_BYTES = 4;

/** Arguments of a kernel of the table, by name. */
type Args<K extends KernelName> = Readonly<Record<keyof (typeof KERNELS)[K], number>>;

/** Runs a call in machine code, or says that it has none for this shape. */
type NativeCall<K extends KernelName> = (machine: Machine, args: Args<K>) => boolean;

const NATIVE_CALLS: { readonly [K in KernelName]?: NativeCall<K> } = {
  linear: runLinear,
  attention: runAttention,
};

/** `kernels` on `memory`, with machine code in the place of those that it has, if there is any. */
export function withMachineCode(
  kernels: Kernels,
  memory: WasmMemory,
  code: LinkedLibrary | undefined,
): Kernels {
  if (code === undefined) return kernels;
  const machine = new Machine(memory, openLibrary(code));
  const native = Object.entries(NATIVE_CALLS).map(([name, call]) => {
    const kernel = name as KernelName;
    const params = Object.keys(KERNELS[kernel]);
    const run = (...values: readonly number[]): void => {
      const args = Object.fromEntries(params.map((param, i) => [param, values[i]!]));
      if (!(call as NativeCall<KernelName>)(machine, args)) kernels[kernel](...values);
    };
    return [kernel, run] as const;
  });
  return { ...kernels, ...Object.fromEntries(native) };
}

/** Functions of a library on the memory of a device. */
class Machine {
  readonly #memory: WasmMemory;
  readonly #library: NativeLibrary;
  /** The block of arguments: cells of eight bytes, as their lower and upper halves. */
  readonly #cells = new Uint32Array(64);
  readonly #block: number;
  #buffer: ArrayBuffer | SharedArrayBuffer | undefined;
  #base = 0;

  constructor(memory: WasmMemory, library: NativeLibrary) {
    this.#memory = memory;
    this.#library = library;
    this.#block = library.addressOf(this.#cells.buffer);
  }

  /**
   * The address of `rows` rows, `strideBytes` apart, of `bytes` each, that start at an offset of the memory.
   * Throws CeladonError if they are not all inside.
   */
  address(offset: number, rows: number, strideBytes: number, bytes: number): number {
    const end = offset + (rows - 1) * strideBytes + bytes;
    if (this.#buffer !== this.#memory.buffer) {
      this.#buffer = this.#memory.buffer; // the memory has grown
      this.#base = this.#library.addressOf(this.#buffer);
    }
    if (!(offset >= 0 && rows > 0 && strideBytes >= 0 && end <= this.#buffer.byteLength)) {
      throw new CeladonError(
        `a kernel must keep to the ${this.#buffer.byteLength} bytes of its memory, not touch ` +
          `${rows} rows of ${bytes} bytes, ${strideBytes} apart, from ${offset}`,
      );
    }
    return this.#base + offset;
  }

  /** An i32 of the memory. */
  integer(offset: number): number {
    this.address(offset, 1, 0, ELEMENT_BYTES);
    return new DataView(this.#memory.buffer).getInt32(offset, true);
  }

  call<N extends string>(
    name: string,
    names: readonly N[],
    cells: Readonly<Record<N, number>>,
  ): void {
    for (const [i, cell] of names.entries()) {
      this.#cells[2 * i] = cells[cell];
      this.#cells[2 * i + 1] = Math.floor(cells[cell] / 2 ** 32);
    }
    this.#library.call(this.#library.functionAddress(name), this.#block);
  }
}

function runLinear(machine: Machine, args: Args<'linear'>): boolean {
  const { M, N, K } = args;
  if (!(M > 0 && N > 0 && K > 0)) return false;
  const rows = (offset: number, count: number, stride: number, width: number): number =>
    machine.address(offset, count, stride * ELEMENT_BYTES, width * ELEMENT_BYTES);
  machine.call('linear', LINEAR, {
    x: rows(args.x, M, args.xStride, K),
    xStride: args.xStride * ELEMENT_BYTES,
    w: rows(args.w, N, args.wStride, K),
    wStride: args.wStride * ELEMENT_BYTES,
    out: rows(args.out, M, args.outStride, N),
    outStride: args.outStride * ELEMENT_BYTES,
    ...{ M, N, K },
  });
  return true;
}

/** Tokens are the rows, or for a single one the heads that share their keys. */
function runAttention(machine: Machine, args: Args<'attention'>): boolean {
  const { B, T, G, shared, keyWidth, valueWidth } = args;
  const rows = T > 1 ? T : shared;
  const { widthUnit } = ATTENTION_LIMITS;
  const fits = rows <= ATTENTION_LIMITS.rows && keyWidth <= ATTENTION_LIMITS.keyWidth;
  if (!fits || valueWidth > ATTENTION_LIMITS.valueWidth) return false;
  if (keyWidth % widthUnit !== 0 || valueWidth % widthUnit !== 0 || B * T * G * shared === 0)
    return false;
  for (let b = 0; b < B; b++) {
    for (let g = 0; g < G; g++) {
      if (T === 1) attendHeads(machine, args, b, g * shared, rows, 0);
      else for (let h = 0; h < shared; h++) attendHeads(machine, args, b, g * shared + h, rows, 1);
    }
  }
  return true;
}

/** The rows of sequence `b` from head `head` on: tokens if `rowStep` is 1, else heads. */
function attendHeads(
  machine: Machine,
  args: Args<'attention'>,
  b: number,
  head: number,
  rows: number,
  rowStep: 0 | 1,
): void {
  const { keyWidth, valueWidth, first, T, capacity, scale } = args;
  const group = Math.floor(head / args.shared);
  const position = args.positions + b * ELEMENT_BYTES;
  const count = machine.integer(position) + first + 1 + rowStep * (rows - 1);
  const place = (offset: number, elements: number, step: number, width: number, many: number) =>
    machine.address(
      offset + elements * ELEMENT_BYTES,
      many,
      step * ELEMENT_BYTES,
      width * ELEMENT_BYTES,
    );
  const qStep = rowStep ? args.qStep : keyWidth;
  const outStep = rowStep ? args.outStep : valueWidth;
  const row = b * capacity;
  machine.call('attention', ATTENTION, {
    q: place(args.q, b * T * args.qStep + head * keyWidth, qStep, keyWidth, rows),
    qStride: qStep * ELEMENT_BYTES,
    keys: place(args.keys, row * args.keyStep + group * keyWidth, args.keyStep, keyWidth, count),
    keyStride: args.keyStep * ELEMENT_BYTES,
    values: place(
      args.values,
      row * args.valueStep + group * args.valueStride,
      args.valueStep,
      valueWidth,
      count,
    ),
    valueStride: args.valueStep * ELEMENT_BYTES,
    position: machine.address(position, 1, 0, ELEMENT_BYTES),
    out: place(args.out, b * T * args.outStep + head * valueWidth, outStep, valueWidth, rows),
    outStride: outStep * ELEMENT_BYTES,
    ...{ rows, first: first + 1, rowStep, keyWidth, valueWidth, scale: bitsOf(scale) },
  });
}

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** The bits of an f32, as a whole number. */
function bitsOf(value: number): number {
  float[0] = value;
  return bits[0]!;
}

/**
 * Collects functions and constants, and gives each its place: functions at multiples of 64 bytes in the
 * order added, then the constants. All distances are relative, so the code may lie anywhere.
 */
import { CeladonError } from '../base/index.ts';
import { littleEndian } from './encode.ts';
import { blockCells, FunctionBuilder, type Item, type Level } from './function.ts';
import type { Label, Memory } from './operands.ts';

/** Machine code and where its functions start. */
export interface MachineCode {
  readonly bytes: Uint8Array;
  /** Offsets by function name, in bytes. */
  readonly functions: ReadonlyMap<string, number>;
  /** Lines of `offset instruction`, for people. */
  readonly listing: readonly string[];
}

const FUNCTION_ALIGNMENT = 64;

/** The longest no-operations [Intel manual, NOP] by their length. */
const NOPS = [
  [],
  [0x90],
  [0x66, 0x90],
  [0x0f, 0x1f, 0x00],
  [0x0f, 0x1f, 0x40, 0x00],
  [0x0f, 0x1f, 0x44, 0x00, 0x00],
  [0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00],
  [0x0f, 0x1f, 0x80, 0, 0, 0, 0],
  [0x0f, 0x1f, 0x84, 0x00, 0, 0, 0, 0],
];

/** Collects functions and constants. */
export class Assembler {
  readonly #functions = new Map<string, { label: Label; items: readonly Item[] }>();
  readonly #constants = new Map<string, { label: Label; bytes: Uint8Array }>();

  /**
   * Define a function of the given arguments, cells of eight bytes in the block that it gets; `body` emits its
   * code. Throws CeladonError if the name is taken.
   */
  addFunction<const N extends string>(
    name: string,
    args: readonly N[],
    body: (f: FunctionBuilder, block: Readonly<Record<N, Memory>>) => void,
    level: Level = 'avx512',
  ): Label {
    if (this.#functions.has(name)) throw new CeladonError(`a function must be new, not ${name}`);
    const builder = new FunctionBuilder(name, level);
    body(builder, blockCells(args));
    const label: Label = { kind: 'label', name };
    this.#functions.set(name, { label, items: builder.finish() });
    return label;
  }

  /** Bytes that code may read, at a multiple of 64; equal ones are kept once. */
  constant(bytes: Uint8Array): Label {
    const key = bytes.join();
    const name = `constant${this.#constants.size}`;
    const known = this.#constants.get(key) ?? { label: { kind: 'label', name }, bytes };
    this.#constants.set(key, known);
    return known.label;
  }

  /**
   * The code. `outside` are the places of labels beyond it, measured from its start. Throws CeladonError for a
   * label that is nowhere or in two places.
   */
  assemble(outside: ReadonlyMap<Label, number> = new Map()): MachineCode {
    const writer = new CodeWriter(outside);
    const functions = new Map<string, number>();
    for (const [name, { label, items }] of this.#functions) {
      writer.align(FUNCTION_ALIGNMENT);
      functions.set(name, writer.length);
      writer.write([{ kind: 'label', label }, ...items]);
    }
    for (const { label, bytes } of this.#constants.values()) {
      writer.align(FUNCTION_ALIGNMENT);
      writer.write([{ kind: 'label', label }]);
      writer.append(bytes);
    }
    return { bytes: writer.finish(), functions, listing: writer.listing };
  }
}

class CodeWriter {
  readonly listing: string[] = [];
  readonly #bytes: number[] = [];
  readonly #places: Map<Label, number>;
  readonly #distances: { at: number; end: number; label: Label }[] = [];

  constructor(outside: ReadonlyMap<Label, number>) {
    this.#places = new Map(outside);
  }

  get length(): number {
    return this.#bytes.length;
  }

  align(bytes: number): void {
    for (let left = -this.length & (bytes - 1); left > 0; left -= NOPS.length - 1) {
      this.append(NOPS[Math.min(left, NOPS.length - 1)]!);
    }
  }

  append(bytes: Iterable<number>): void {
    for (const byte of bytes) this.#bytes.push(byte);
  }

  write(items: readonly Item[]): void {
    for (const item of items) {
      if (item.kind === 'align') this.align(item.bytes);
      else if (item.kind === 'label') this.#place(item.label);
      else this.#writeCode(item);
    }
  }

  finish(): Uint8Array {
    for (const { at, end, label } of this.#distances) {
      const place = this.#places.get(label);
      if (place === undefined) throw new CeladonError(`label ${label.name} must be placed`);
      const bytes = Uint8Array.from(this.#bytes.slice(at, at + 4));
      const displacement = new DataView(bytes.buffer).getInt32(0, true);
      this.#bytes.splice(at, 4, ...littleEndian(place - end + displacement, 4));
    }
    return Uint8Array.from(this.#bytes);
  }

  #writeCode({ encoded, text }: Extract<Item, { kind: 'code' }>): void {
    const { bytes, label, distanceAt } = encoded;
    const start = this.length;
    this.listing.push(`${start.toString(16).padStart(6, '0')}    ${text}`);
    this.append(bytes);
    if (label) this.#distances.push({ at: start + distanceAt!, end: this.length, label });
  }

  #place(label: Label): void {
    if (this.#places.has(label)) {
      throw new CeladonError(`label ${label.name} must be placed once, not twice`);
    }
    this.#places.set(label, this.length);
    this.listing.push(`${label.name}:`);
  }
}

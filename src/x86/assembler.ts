/**
 * Collects functions and constants, and gives each its place: functions at multiples of 64 bytes in the
 * order added, then the constants. All distances are relative, so the code may lie anywhere.
 */
import { CeladonError } from '../base/index.ts';
import type { Encoded } from './encode.ts';
import { blockCells, formatInstruction, FunctionBuilder } from './function.ts';
import type { Item, Level } from './function.ts';
import type { Label, Memory } from './operands.ts';

/** Machine code and where its functions start. */
export interface MachineCode {
  readonly bytes: Uint8Array;
  /** Offsets by function name, in bytes. */
  readonly functions: ReadonlyMap<string, number>;
  /** Lines of `offset instruction`, for people. */
  listing(): readonly string[];
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

/** Collects functions and constants; functions are of its level unless they say another. */
export class Assembler {
  readonly level: Level;
  readonly #functions = new Map<string, { label: Label; items: readonly Item[] }>();
  readonly #constants = new Map<string, { label: Label; bytes: Uint8Array }>();

  constructor(level: Level = 'avx512') {
    this.level = level;
  }

  /**
   * Define a function of the given arguments, cells of eight bytes in the block that it gets; `body` emits its
   * code. Throws CeladonError if the name is taken.
   */
  addFunction<const N extends string>(
    name: string,
    args: readonly N[],
    body: (f: FunctionBuilder, block: Readonly<Record<N, Memory>>) => void,
    level: Level = this.level,
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
    return { bytes: writer.finish(), functions, listing: () => writer.listing() };
  }
}

class CodeWriter {
  readonly #bytes: number[] = [];
  readonly #written: { readonly start: number; readonly items: readonly Item[] }[] = [];
  readonly #places: Map<Label, number>;
  readonly #distances: { at: number; end: number; label: Label }[] = [];

  constructor(outside: ReadonlyMap<Label, number>) {
    this.#places = new Map(outside);
  }

  get length(): number {
    return this.#bytes.length;
  }

  align(bytes: number): void {
    this.append(paddingOf(this.length, bytes));
  }

  append(bytes: Iterable<number>): void {
    for (const byte of bytes) this.#bytes.push(byte);
  }

  write(items: readonly Item[]): void {
    this.#written.push({ start: this.length, items });
    for (const item of items) {
      if (item.kind === 'label') this.#place(item.label);
      else if (item.kind === 'align') this.align(item.bytes);
      else this.#writeCode(item.encoded);
    }
  }

  finish(): Uint8Array {
    const bytes = Uint8Array.from(this.#bytes);
    const view = new DataView(bytes.buffer);
    for (const { at, end, label } of this.#distances) {
      const place = this.#places.get(label);
      if (place === undefined) throw new CeladonError(`label ${label.name} must be placed`);
      view.setInt32(at, place - end + view.getInt32(at, true), true);
    }
    return bytes;
  }

  listing(): string[] {
    return this.#written.flatMap(({ start, items }) => {
      let at = start;
      return items.map((item) => {
        const line = `${at.toString(16).padStart(6, '0')}    ${formatItem(item)}`;
        if (item.kind === 'code') at += item.encoded.bytes.length;
        if (item.kind === 'align') at += paddingOf(at, item.bytes).length;
        return item.kind === 'label' ? `${item.label.name}:` : line;
      });
    });
  }

  #writeCode({ bytes, label, distanceAt }: Encoded): void {
    const start = this.length;
    this.append(bytes);
    if (label) this.#distances.push({ at: start + distanceAt!, end: this.length, label });
  }

  #place(label: Label): void {
    if (this.#places.has(label)) {
      throw new CeladonError(`label ${label.name} must be placed once, not twice`);
    }
    this.#places.set(label, this.length);
  }
}

/** No-operations from `at` to a multiple of `unit`. */
function paddingOf(at: number, unit: number): number[] {
  const longest = NOPS.length - 1;
  const padding: number[] = [];
  for (let left = -at & (unit - 1); left > 0; left -= longest) {
    padding.push(...NOPS[Math.min(left, longest)]!);
  }
  return padding;
}

function formatItem(item: Item): string {
  if (item.kind === 'code') return formatInstruction(item.op, item.operands);
  return item.kind === 'align' ? `align ${item.bytes}` : item.label.name;
}

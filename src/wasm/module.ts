/**
 * The WebAssembly binary format [1, section 5.5], and a builder that writes it.
 *
 * ```
 * module    00 61 73 6d  01 00 00 00          "\0asm", version 1
 * section   id  size  content                 in ascending id; empty ones are left out
 *
 *  id  content: a vector, that is a count and then that many of
 *   1  type      60  vector of params  vector of results       i32 7f i64 7e f32 7d f64 7c v128 7b
 *   2  import    module name  field name  (00 type index | 02 limits)
 *   3  function  type index of each function defined here
 *   5  memory    limits
 *   7  export    name  (00 function index | 02 memory index)
 *  10  code      size  vector of (count, type) of locals  instructions  0b
 *  11  data      00  41 offset 0b  vector of bytes              an active segment of memory 0
 *
 * limits    flags  min  [max]                 in pages of 64 KiB; flags: 1 has max, 2 shared
 * name      vector of UTF-8 bytes
 * ```
 *
 * Sizes, counts and indices are unsigned LEB128. Imported functions come first in the index space, so
 * imports must be declared before functions.
 *
 * [1] https://www.w3.org/TR/wasm-core-2/#binary-modules
 */
import { CeladonError } from '../base/index.ts';
import { FunctionBuilder } from './function.ts';
import { appendSigned, appendUnsigned } from './leb128.ts';
import { VALUE_TYPE_CODES, type FunctionRef, type FunctionType } from './types.ts';
import type { Local, ValueType } from './types.ts';

/** Bounds of a memory, in pages of 64 KiB. A shared memory must have `maxPages`. */
export interface MemoryLimits {
  readonly minPages: number;
  readonly maxPages?: number;
  readonly shared?: boolean;
}

/** Name, types and visibility of a function to define. */
export interface FunctionSpec<P extends Readonly<Record<string, ValueType>>> {
  /** Types by parameter name, in order. */
  readonly params: P;
  readonly results?: readonly ValueType[];
  /** Export it under its name. */
  readonly exported?: boolean;
}

/** Collects imports, functions and data, and writes the binary. */
export class ModuleBuilder {
  readonly #types: FunctionType[] = [];
  readonly #imports: number[][] = [];
  readonly #functionTypes: number[][] = [];
  readonly #exports: number[][] = [];
  readonly #bodies: number[][] = [];
  readonly #data: number[][] = [];
  readonly #ownMemory: number[][] = [];
  #numImportedFunctions = 0;
  #hasMemory = false;
  #numMemories = 0;
  readonly #memories = new Map<string, number>();

  /** Import a function; throws once a function has been defined. */
  importFunction(
    module: string,
    field: string,
    params: readonly ValueType[],
    results: readonly ValueType[] = [],
  ): FunctionRef {
    if (this.#bodies.length > 0) {
      throw new CeladonError(`imports must come before functions, not after: ${module}.${field}`);
    }
    const type = { params, results };
    this.#imports.push([
      ...encodeName(module),
      ...encodeName(field),
      0x00,
      ...this.#typeIndex(type),
    ]);
    return { index: this.#numImportedFunctions++, name: field, type };
  }

  /** Import a memory, which instructions may name by its field or one of `others`; the first is that of those which name none. */
  importMemory(
    module: string,
    field: string,
    limits: MemoryLimits,
    others: readonly string[] = [],
  ): void {
    if (this.#ownMemory.length > 0) this.#claimMemory();
    this.#hasMemory = true;
    const index = this.#numMemories++;
    for (const name of [field, ...others]) this.#memories.set(name, index);
    const names = [...encodeName(module), ...encodeName(field)];
    this.#imports.push([...names, 0x02, ...encodeLimits(limits)]);
  }

  /** Define the module's one memory, exported under `exportName` if given. */
  addMemory(limits: MemoryLimits, exportName?: string): void {
    this.#claimMemory();
    this.#ownMemory.push(encodeLimits(limits));
    if (exportName !== undefined) this.#exports.push([...encodeName(exportName), 0x02, 0]);
  }

  /** Copy `bytes` to `offsetBytes` of the memory at instantiation. */
  addData(offsetBytes: number, bytes: Uint8Array): void {
    const segment = [0x00, 0x41];
    appendSigned(segment, BigInt(offsetBytes | 0));
    segment.push(0x0b);
    appendUnsigned(segment, bytes.length);
    this.#data.push(segment.concat(Array.from(bytes)));
  }

  /** Define a function; `body` emits its code and receives its parameters by name. */
  addFunction<const P extends Readonly<Record<string, ValueType>>>(
    name: string,
    spec: FunctionSpec<P>,
    body: (f: FunctionBuilder, params: { readonly [K in keyof P]: Local }) => void,
  ): FunctionRef {
    const f = new FunctionBuilder(name, spec.params, [...(spec.results ?? [])], this.#memories);
    body(f, f.params as { [K in keyof P]: Local });
    const index = this.#numImportedFunctions + this.#bodies.length;
    this.#bodies.push(f.finish());
    this.#functionTypes.push(this.#typeIndex(f.type));
    if (spec.exported) this.#exports.push([...encodeName(name), 0x00, ...encodeUnsigned(index)]);
    return { index, name, type: f.type };
  }

  /** The module's binary. Throws if it has data and no memory. */
  encode(): Uint8Array<ArrayBuffer> {
    if (this.#data.length > 0 && !this.#hasMemory) {
      throw new CeladonError('a module with data must have a memory, not none');
    }
    const sections: [id: number, entries: readonly number[][]][] = [
      [1, this.#types.map(encodeType)],
      [2, this.#imports],
      [3, this.#functionTypes],
      [5, this.#ownMemory],
      [7, this.#exports],
      [10, this.#bodies],
      [11, this.#data],
    ];
    const header = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
    return Uint8Array.from(header.concat(...sections.map(encodeSection)));
  }

  #claimMemory(): void {
    if (this.#hasMemory) throw new CeladonError('a module must have one memory, not two');
    this.#hasMemory = true;
  }

  #typeIndex(type: FunctionType): number[] {
    const key = JSON.stringify(encodeType(type));
    let index = this.#types.findIndex((other) => JSON.stringify(encodeType(other)) === key);
    if (index < 0) index = this.#types.push(type) - 1;
    return encodeUnsigned(index);
  }
}

function encodeUnsigned(value: number): number[] {
  const out: number[] = [];
  appendUnsigned(out, value);
  return out;
}

function encodeName(name: string): number[] {
  const utf8 = new TextEncoder().encode(name);
  return [...encodeUnsigned(utf8.length), ...utf8];
}

function encodeType({ params, results }: FunctionType): number[] {
  const codes = (types: readonly ValueType[]): number[] => [
    ...encodeUnsigned(types.length),
    ...types.map((type) => VALUE_TYPE_CODES[type]),
  ];
  return [0x60, ...codes(params), ...codes(results)];
}

function encodeLimits({ minPages, maxPages, shared = false }: MemoryLimits): number[] {
  if (shared && maxPages === undefined) {
    throw new CeladonError('a shared memory must have maxPages, not none');
  }
  if (maxPages === undefined) return [0, ...encodeUnsigned(minPages)];
  return [shared ? 3 : 1, ...encodeUnsigned(minPages), ...encodeUnsigned(maxPages)];
}

function encodeSection([id, entries]: [number, readonly number[][]]): number[] {
  if (entries.length === 0) return [];
  const content = encodeUnsigned(entries.length).concat(...entries);
  return [id, ...encodeUnsigned(content.length)].concat(content);
}

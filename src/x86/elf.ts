/**
 * A shared object for Linux on x86-64 [1] that the dynamic linker can load: no sections, no toolchain.
 *
 * ```
 * offset 0    ELF header, 4 program headers
 *             dynamic symbols, their names, hash table, relocations
 *             dynamic table, one slot of 8 bytes for each import   ── up to here one segment: read, write
 * 4096·n      code                                                 ── the other segment: read, execute
 * ```
 *
 * Imports are resolved when the library is loaded (BIND_NOW): the linker writes their addresses into the slots,
 * and code calls through them. The slots lie before the code, so their distance from its start does not
 * depend on the code: `slotDistance` says it before there is any.
 *
 * [1] https://refspecs.linuxfoundation.org/elf/gabi4+/contents.html and the x86-64 psABI
 */
import type { MachineCode } from './assembler.ts';
import { littleEndian } from './encode.ts';

/** The names of a library. */
export interface LibraryNames {
  /** Names that the loader must resolve. */
  readonly imports: readonly string[];
  readonly exports: readonly string[];
}

const HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;
const SYMBOL_BYTES = 24;
const RELOCATION_BYTES = 24;
const PAGE_BYTES = 4096;
const DYNAMIC_BYTES = 16 * 10;

const SEGMENT = { load: 1, dynamic: 2, stack: 0x6474e551 };
const FLAGS = { execute: 1, write: 2, read: 4 };
const DYNAMIC = {
  ...{ hash: 4, strings: 5, symbols: 6, relocations: 7, relocationsBytes: 8, relocationBytes: 9 },
  ...{ stringsBytes: 10, symbolBytes: 11, flags: 30, end: 0 },
};
const BIND_NOW = 8;
const GLOBAL_FUNCTION = 0x12;
const SLOT_RELOCATION = 6; // R_X86_64_GLOB_DAT

interface Layout {
  readonly strings: readonly number[];
  readonly nameOffsets: ReadonlyMap<string, number>;
  readonly symbolsAt: number;
  readonly stringsAt: number;
  readonly hashAt: number;
  readonly relocationsAt: number;
  readonly dynamicAt: number;
  readonly slotsAt: number;
  readonly endAt: number;
  readonly codeAt: number;
}

/** The distance from the code's start to the slot of import `index`, in bytes; negative. */
export function slotDistance(names: LibraryNames, index: number): number {
  const { slotsAt, codeAt } = layOut(names);
  return slotsAt + 8 * index - codeAt;
}

/** The file's bytes; `functions` are offsets into the code by name, of the exports at least. */
export function encodeLibrary(
  names: LibraryNames,
  { bytes: code, functions }: Pick<MachineCode, 'bytes' | 'functions'>,
): Uint8Array {
  const layout = layOut(names);
  const file = new Uint8Array(layout.codeAt + code.length);
  const put = (offset: number, bytes: ArrayLike<number>): void => file.set(bytes, offset);
  put(0, encodeHeader());
  put(HEADER_BYTES, encodeProgramHeaders(layout, code.length));
  put(layout.symbolsAt, encodeSymbols(names, layout, functions));
  put(layout.stringsAt, layout.strings);
  put(layout.hashAt, encodeHash(names));
  put(layout.relocationsAt, encodeRelocations(names, layout));
  put(layout.dynamicAt, encodeDynamic(names, layout));
  put(layout.codeAt, code);
  return file;
}

function layOut({ imports, exports }: LibraryNames): Layout {
  const names = [...imports, ...exports];
  const nameOffsets = new Map<string, number>();
  const strings = [0];
  for (const name of names) {
    nameOffsets.set(name, strings.length);
    strings.push(...new TextEncoder().encode(name), 0);
  }
  const numSymbols = 1 + names.length;
  const symbolsAt = HEADER_BYTES + 4 * PROGRAM_HEADER_BYTES;
  const stringsAt = symbolsAt + SYMBOL_BYTES * numSymbols;
  const hashAt = roundUp(stringsAt + strings.length, 8);
  const relocationsAt = roundUp(hashAt + 4 * (3 + numSymbols), 8);
  const dynamicAt = relocationsAt + RELOCATION_BYTES * imports.length;
  const slotsAt = dynamicAt + DYNAMIC_BYTES;
  const endAt = slotsAt + 8 * imports.length;
  const codeAt = roundUp(endAt, PAGE_BYTES);
  return {
    ...{ strings, nameOffsets, symbolsAt, stringsAt, hashAt },
    ...{ relocationsAt, dynamicAt, slotsAt, endAt, codeAt },
  };
}

function encodeHeader(): number[] {
  return [
    ...[0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0], // "\x7fELF", 64 bits, little endian
    ...words(2, 3, 62), // shared object, x86-64
    ...words(4, 1),
    ...words(8, 0, HEADER_BYTES, 0), // no entry, program headers, no section headers
    ...words(4, 0),
    ...words(2, HEADER_BYTES, PROGRAM_HEADER_BYTES, 4, 64, 0, 0),
  ];
}

function encodeProgramHeaders(
  { dynamicAt, slotsAt, endAt, codeAt }: Layout,
  codeBytes: number,
): number[] {
  const header = (type: number, flags: number, start: number, bytes: number, align: number) => [
    ...words(4, type, flags),
    ...words(8, start, start, start, bytes, bytes, align),
  ];
  const { execute, read, write } = FLAGS;
  return [
    ...header(SEGMENT.load, read | write, 0, endAt, PAGE_BYTES),
    ...header(SEGMENT.load, read | execute, codeAt, codeBytes, PAGE_BYTES),
    ...header(SEGMENT.dynamic, read | write, dynamicAt, slotsAt - dynamicAt, 8),
    ...header(SEGMENT.stack, read | write, 0, 0, 16),
  ];
}

function encodeSymbols(
  { imports, exports }: LibraryNames,
  layout: Layout,
  functions: ReadonlyMap<string, number>,
): number[] {
  const symbol = (name: string, section: number, value: number): number[] => [
    ...words(4, layout.nameOffsets.get(name)!),
    ...[GLOBAL_FUNCTION, 0],
    ...words(2, section),
    ...words(8, value, 0),
  ];
  return [
    ...words(8, 0, 0, 0),
    ...imports.flatMap((name) => symbol(name, 0, 0)),
    ...exports.flatMap((name) => symbol(name, 1, layout.codeAt + functions.get(name)!)),
  ];
}

/** One bucket with all symbols in a chain: there are few. */
function encodeHash({ imports, exports }: LibraryNames): number[] {
  const count = 1 + imports.length + exports.length;
  const chain = Array.from({ length: count }, (_, i) => (i === 0 || i === count - 1 ? 0 : i + 1));
  return words(4, 1, count, 1, ...chain);
}

function encodeRelocations({ imports }: LibraryNames, { slotsAt }: Layout): number[] {
  return imports.flatMap((_, i) => [
    ...words(8, slotsAt + 8 * i),
    ...words(4, SLOT_RELOCATION, i + 1),
    ...words(8, 0),
  ]);
}

function encodeDynamic({ imports }: LibraryNames, layout: Layout): number[] {
  const entries: [number, number][] = [
    [DYNAMIC.hash, layout.hashAt],
    [DYNAMIC.strings, layout.stringsAt],
    [DYNAMIC.symbols, layout.symbolsAt],
    [DYNAMIC.stringsBytes, layout.strings.length],
    [DYNAMIC.symbolBytes, SYMBOL_BYTES],
    [DYNAMIC.relocations, layout.relocationsAt],
    [DYNAMIC.relocationsBytes, RELOCATION_BYTES * imports.length],
    [DYNAMIC.relocationBytes, RELOCATION_BYTES],
    [DYNAMIC.flags, BIND_NOW],
    [DYNAMIC.end, 0],
  ];
  return words(8, ...entries.flat());
}

function words(bytes: number, ...values: number[]): number[] {
  return values.flatMap((value) => littleEndian(value, bytes));
}

function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}

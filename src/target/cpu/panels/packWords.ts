/**
 * Blocks whose bytes are those of panels: an f16 scale, then words of four bytes that only go to other places, four
 * words of four rows at a time. Most files are of these formats, and a start waits for them, so this is in vectors.
 */
import {
  compileModule,
  createMemory,
  instantiate,
  ModuleBuilder,
  type FunctionBuilder,
  type Local,
  type WasmMemory,
  type WasmModule,
} from '../../../wasm/index.ts';
import { memoryLimits, PAGE_BYTES } from '../kernels/memories.ts';
import { turn } from '../kernels/attendTile.ts';
import { VECTOR_BYTES } from '../kernels/vectors.ts';
import { INTEGER_FORMATS, LINE_BYTES, PANEL_ROWS } from './panelFormats.table.ts';
import { layoutOf } from './panelLayout.ts';

/** Formats of such blocks, and what their bytes differ in from those of panels. */
const MASKS = { Q8_0: 0x80, Q4_0: 0, IQ4_NL: 0 } as const;
export type WordFormatName = keyof typeof MASKS;

export function isWordFormat(name: string): name is WordFormatName {
  return name in MASKS;
}

const STORED = 'stored';
const SCALE_BYTES = 2;
const WORD_BYTES = 4;
/** Words of a row, and rows, that are turned around together. */
const TURNED = 4;

export interface WordPacker {
  /** Memory to read so many bytes into, that need not be copied then; until the next call. */
  room(bytes: number): Uint8Array<ArrayBuffer>;
  /** Panels at an address, of stored rows that are whole panels; false for a scale that is not finite. */
  pack(name: WordFormatName, stored: Uint8Array, blocks: number, address: number): boolean;
}

/** Panels at `to` of stored rows at `from`; returns 0 unless a scale is not finite. */
type Pack = (from: number, to: number, rowBytes: number, panels: number) => number;
export type WordKernels = Readonly<Record<WordFormatName, Pack>>;

const compiled = new Map<boolean, WasmModule>();

/** The kernels, which import a memory that threads share or not, and one where rows lie as they are stored. */
export function wordKernels(shared: boolean): WasmModule {
  const known = compiled.get(shared);
  if (known !== undefined) return known;
  const module = new ModuleBuilder();
  module.importMemory('host', 'memory', memoryLimits(shared));
  module.importMemory('host', STORED, { minPages: 1 });
  for (const name of Object.keys(MASKS)) addPack(module, name as WordFormatName);
  const made = compileModule(module.encode());
  compiled.set(shared, made);
  return made;
}

/** Packs into `memory`. What is stored lies in a small memory beside it meanwhile. */
export function openWordPacker(memory: WasmMemory): WordPacker {
  const stored = createMemory({ initial: 1 });
  const module = wordKernels(memory.buffer instanceof SharedArrayBuffer);
  const kernels = instantiate<WordKernels>(module, { host: { memory, stored } });
  const room = (bytes: number): Uint8Array<ArrayBuffer> => {
    const missing = Math.ceil((bytes - stored.buffer.byteLength) / PAGE_BYTES);
    if (missing > 0) stored.grow(missing);
    return new Uint8Array(stored.buffer as ArrayBuffer, 0, bytes);
  };
  return {
    room,
    pack(name, bytes, blocks, address) {
      if (bytes.buffer !== stored.buffer) room(bytes.length).set(bytes);
      const rowBytes = blocks * INTEGER_FORMATS[name].stored.bytes;
      return kernels[name](0, address, rowBytes, bytes.length / rowBytes / PANEL_ROWS) === 0;
    },
  };
}

function addPack(module: ModuleBuilder, name: WordFormatName): void {
  const params = { from: 'i32', to: 'i32', rowBytes: 'i32', panels: 'i32' } as const;
  module.addFunction(name, { params, results: ['i32'], exported: true }, (f, p) => {
    const format = INTEGER_FORMATS[name];
    const [blockEnd, row, wrong] = ['blockEnd', 'row', 'wrong'].map((own) => f.local('i32', own));
    const rows = Array.from({ length: TURNED }, (_, i) => f.local('i32', `row${i}`));
    const vectors = vectorsOf(f);
    f.loop((next) => {
      f.get(p.from).get(p.rowBytes).emit('i32.add').set(blockEnd!);
      f.forLoop(p.from, p.from, blockEnd!, format.stored.bytes, () => {
        f.get(p.from).set(row!);
        for (let lane = 0; lane < PANEL_ROWS; lane += TURNED) {
          for (const at of rows) {
            f.get(row!).set(at);
            f.advance(row!, p.rowBytes);
          }
          for (const [i, at] of rows.entries())
            moveScale(f, { at, to: p.to, lane: lane + i }, wrong!);
          moveWords(f, name, { rows, to: p.to, lane }, vectors);
        }
        f.advance(p.to, layoutOf(format).unitBytes);
      });
      // The other rows of the panel.
      f.get(p.from)
        .get(p.rowBytes)
        .i32(PANEL_ROWS - 1)
        .emit('i32.mul')
        .emit('i32.add')
        .set(p.from);
      f.get(p.panels).i32(1).emit('i32.sub').tee(p.panels).emit('br_if', next);
    });
    f.get(wrong!).i32(0x8000).emit('i32.and');
  });
}

function vectorsOf(f: FunctionBuilder): Record<'four' | 'pairs', Local[]> {
  const some = (what: string): Local[] =>
    Array.from({ length: TURNED }, (_, i) => f.local('v128', `${what}${i}`));
  return { four: some('four'), pairs: some('pairs') };
}

/** An exponent of ones overflows into the bit above it, which is left in `wrong`. */
function moveScale(
  f: FunctionBuilder,
  { at, to, lane }: { readonly at: Local; readonly to: Local; readonly lane: number },
  wrong: Local,
): void {
  f.get(to)
    .get(at)
    .emit('i32.load16_u', 0, STORED)
    .emit('i32.store16', 2 * lane);
  f.get(at).emit('i32.load16_u', 0, STORED).i32(0x7c00).emit('i32.and');
  f.i32(0x0400).emit('i32.add').get(wrong).emit('i32.or').set(wrong);
}

function moveWords(
  f: FunctionBuilder,
  name: WordFormatName,
  {
    rows,
    to,
    lane,
  }: { readonly rows: readonly Local[]; readonly to: Local; readonly lane: number },
  { four, pairs }: ReturnType<typeof vectorsOf>,
): void {
  const { stored } = INTEGER_FORMATS[name];
  const { headerBytes } = layoutOf(INTEGER_FORMATS[name]);
  const mask = Uint8Array.from({ length: VECTOR_BYTES }, () => MASKS[name]);
  for (let at = SCALE_BYTES; at < stored.bytes; at += VECTOR_BYTES) {
    for (const [i, row] of rows.entries()) {
      f.get(row).emit('v128.load', at, STORED);
      if (MASKS[name] !== 0) f.emit('v128.const', mask).emit('v128.xor');
      f.set(four[i]!);
    }
    turn(f, four, pairs);
    for (const [i, words] of four.entries()) {
      // Each word of 32 rows fills two lines.
      const word = (at - SCALE_BYTES) / WORD_BYTES + i;
      const place = headerBytes + 2 * LINE_BYTES * word + WORD_BYTES * lane;
      f.get(to).get(words).emit('v128.store', place);
    }
  }
}

/** A thread's part of a task in machine code, on a memory full of numbers. */
import { ACTIVATION_BLOCK } from '../../src/target/cpu/kernels/quantizeRows.ts';
import { addLinearPanels } from '../../src/target/cpu/x86/linearPanels.ts';
import type { WasmMemory } from '../../src/wasm/index.ts';
import { Assembler, at, loadLibrary, zmm, type NativeLibrary } from '../../src/x86/index.ts';

/** A product, or one of the functions that find the limits of the machine; `bytes` of weights to read. */
export interface Task {
  readonly name: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
  readonly bytes: number;
  readonly times: number;
}

export const READ = 'read';
const PEAK_ROUNDS = 10_000_000;
/** Twelve vpdpbusd a round, 64 multiply-accumulates each. */
export const PEAK = { name: 'peak', macs: PEAK_ROUNDS * 12 * 64 } as const;

const PANEL_ROWS = 32;
const LINES = 8;

export class Runner {
  readonly #memory: WasmMemory;
  readonly #library: NativeLibrary = loadLibrary(limits());
  readonly #base: number;
  readonly #part: number;
  readonly #parts: number;
  readonly #cells = new BigUint64Array(8);

  constructor(memory: WasmMemory, part: number, parts: number) {
    this.#memory = memory;
    this.#base = this.#library.addressOf(memory.buffer);
    this.#part = part;
    this.#parts = parts;
    this.#library.adviseHugePages(this.#base, 2 ** 32);
  }

  /** Every f16 and f32 in the memory is an ordinary number: others would be slow. */
  fill(): void {
    const words = new Uint32Array(this.#memory.buffer);
    let word = 1;
    for (let i = 0; i < words.length; i++) {
      word = (Math.imul(word, 1664525) + 1013904223) | 0;
      words[i] = ((word >>> 8) & 0x0f0f0f0f) | 0x30203020;
    }
  }

  /** Does the part; the time it took. */
  microseconds(task: Task): number {
    const start = performance.now();
    for (let i = 0; i < task.times; i++) this.#call(task.name, this.#cellsOf(task));
    return (1000 * (performance.now() - start)) / task.times;
  }

  #cellsOf({ name, M, N, K, bytes }: Task): number[] {
    if (name === PEAK.name) return [PEAK_ROUNDS];
    const panels = Math.ceil(N / PANEL_ROWS);
    const [first, end] = [this.#share(panels, 0), this.#share(panels, 1)];
    if (name === READ) {
      const lines = Math.floor(bytes / this.#parts / (64 * LINES));
      return [this.#base + this.#part * lines * 64 * LINES, lines];
    }
    const xStride = (K / 32) * ACTIVATION_BLOCK.bytes;
    const half = this.#base + this.#memory.buffer.byteLength / 2;
    const w = this.#base + first * (bytes / panels);
    const out = half + M * xStride + 4 * PANEL_ROWS * first;
    return [half, xStride, w, out, 4 * N, M, K / 32, (end - first) * PANEL_ROWS];
  }

  #share(units: number, next: 0 | 1): number {
    return Math.floor((units * (this.#part + next)) / this.#parts);
  }

  #call(name: string, cells: readonly number[]): void {
    this.#cells.set(cells.map(BigInt));
    this.#library.call(
      this.#library.functionAddress(name),
      this.#library.addressOf(this.#cells.buffer),
    );
  }
}

/** The products, memory read line by line, and multiply-accumulates in registers. */
function limits(): Assembler {
  const assembler = new Assembler();
  for (const format of ['Q8_0', 'Q4_0'] as const) addLinearPanels(assembler, format);
  assembler.addFunction(READ, ['from', 'rounds'], (f, block) => {
    const [from, rounds] = f.load(block.from, block.rounds);
    const sums = f.vectors(512, LINES);
    f.repeat(rounds!, () => {
      for (const [i, sum] of sums.entries()) {
        f.emit('prefetcht0', at(from!, 8192 + 64 * i)).emit('vpaddd', sum, sum, at(from!, 64 * i));
      }
      f.emit('add', from!, 64 * LINES);
    });
  });
  assembler.addFunction(PEAK.name, ['rounds'], (f, { rounds }) => {
    const [left] = f.load(rounds);
    const sums = f.vectors(512, 12);
    f.repeat(left!, () => {
      for (const sum of sums) f.emit('vpdpbusd', sum, zmm(30), zmm(31));
    });
  });
  return assembler;
}

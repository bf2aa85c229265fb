/**
 * Exact block dot products: the fast path of the accelerator's matrix unit.
 *
 * Operands are in blocks of 32 along k, each with a scale, a power of two (or NaN). For each m and n
 *
 * ```
 * acc = accumulate ? C[m][n] : +0
 * for each block b, ascending:
 *   s = Σ A[m][k] · W[n][k] over the block, exact; a zero sum is +0
 *   int8:  acc = fround(acc + fround(fround(s) · fround(aScale[m][b] · wScale[n][b])))
 *   FP8:   acc = fround(acc + fround(s · (aScale[m][b] · wScale[n][b])))         inner product in f64
 * C[m][n] = acc, a NaN as 0x7fc00000
 * ```
 *
 * Sums within a block are exact in any order, so lanes may share them; blocks are never re-associated.
 * The result is therefore the same bits on every machine.
 *
 * Layout in memory, all row-major without padding but for C:
 *
 * | operand         | int8                | FP8                                     |
 * | --------------- | ------------------- | --------------------------------------- |
 * | A [M][K]        | i8                  | f32, each value one that E4M3 can hold   |
 * | W [N][K]        | i8                  | f32, each value one that E4M3 can hold   |
 * | aScale [M][K/32], wScale [N][K/32] | f32 | f32                                 |
 * | C [M][cStride]  | f32                 | f32                                     |
 */
import { CapacityError, ShapeError } from '../../base/index.ts';
import { ModuleBuilder } from '../module.ts';
import {
  compileModule,
  createMemory,
  instantiate,
  type WasmMemory,
  type WasmModule,
} from '../runtime.ts';
import { f8Arithmetic } from './mxDotF8.ts';
import { int8Arithmetic } from './mxDotInt8.ts';
import { emitMxDot, MX_BLOCK, MX_DOT_PARAMS } from './mxDotTiles.ts';

const PAGE_BYTES = 65536;
const MAX_PAGES = 65536;

/**
 * C[m][n] (+)= Σ over blocks, as in the head comment.
 *
 * Pointers are byte offsets in the memory, scales and C aligned to 4. Throws ShapeError unless K is a
 * multiple of 32 and cStrideElems >= N, CapacityError if an operand reaches past the memory's end.
 * C must not overlap the operands.
 */
export type MxDot = (
  aPtr: number,
  aScalePtr: number,
  wPtr: number,
  wScalePtr: number,
  cPtr: number,
  M: number,
  N: number,
  K: number,
  cStrideElems: number,
  accumulate: boolean,
) => void;

/** Block dot products on one memory. */
export interface MxKernel {
  readonly memory: WasmMemory;
  /** All bytes of the memory as it is now; growing the memory may detach it. */
  bytes(): Uint8Array;
  /** Grow the memory to at least `sizeBytes`. Throws CapacityError if it cannot. */
  reserve(sizeBytes: number): void;
  readonly mxDotInt8: MxDot;
  readonly mxDotF8: MxDot;
}

type RawMxDot = (...args: [...Parameters<MxDot>]) => void;
type Exports = Readonly<Record<'mxDotInt8' | 'mxDotF8', RawMxDot>>;

/** Kernels on `memory`, which may be shared between threads, or else on a new memory of one page. */
export function createMxKernel(memory: WasmMemory = createMemory({ initial: 1 })): MxKernel {
  const shared = !(memory.buffer instanceof ArrayBuffer);
  const exports = instantiate<Exports>(compiledModule(shared), { env: { memory } });
  return {
    memory,
    bytes: () => new Uint8Array(memory.buffer),
    reserve: (sizeBytes) => reserve(memory, sizeBytes),
    mxDotInt8: checked(exports.mxDotInt8, memory, 1),
    mxDotF8: checked(exports.mxDotF8, memory, 4),
  };
}

const compiled = new Map<boolean, WasmModule>();

function compiledModule(shared: boolean): WasmModule {
  let module = compiled.get(shared);
  if (!module) {
    module = compileModule(encodeMxDot(shared));
    compiled.set(shared, module);
  }
  return module;
}

/** The binary: imports `env.memory`, exports `mxDotInt8` and `mxDotF8`. */
function encodeMxDot(shared: boolean): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder();
  const limits = shared ? { maxPages: MAX_PAGES, shared } : {};
  module.importMemory('env', 'memory', { minPages: 0, ...limits });
  const spec = { params: MX_DOT_PARAMS, exported: true };
  module.addFunction('mxDotInt8', spec, (f, params) => emitMxDot(f, params, int8Arithmetic(f)));
  module.addFunction('mxDotF8', spec, (f, params) => emitMxDot(f, params, f8Arithmetic(f)));
  return module.encode();
}

function reserve(memory: WasmMemory, sizeBytes: number): void {
  const missing = Math.ceil((sizeBytes - memory.buffer.byteLength) / PAGE_BYTES);
  if (missing <= 0) return;
  try {
    memory.grow(missing);
  } catch {
    throw new CapacityError(
      `kernel memory must hold ${sizeBytes} bytes, and cannot grow beyond ${memory.buffer.byteLength}`,
    );
  }
}

function checked(dot: RawMxDot, memory: WasmMemory, elementSizeBytes: number): MxDot {
  return (aPtr, aScalePtr, wPtr, wScalePtr, cPtr, M, N, K, cStrideElems, accumulate) => {
    for (const [name, value] of Object.entries({ M, N, K, cStrideElems })) {
      if (Number.isInteger(value) && value >= 0) continue;
      throw new ShapeError(`${name} must be a whole number, not ${value}`);
    }
    if (K % MX_BLOCK !== 0) throw new ShapeError(`K must be a multiple of ${MX_BLOCK}, not ${K}`);
    if (cStrideElems < N) {
      throw new ShapeError(`the row stride of C must be at least N = ${N}, not ${cStrideElems}`);
    }
    const blocks = K / MX_BLOCK;
    // The loops compare with the address after the last byte, which must be an i32.
    const has = Math.min(memory.buffer.byteLength, 2 ** 32 - 1);
    checkFits('A', aPtr, M * K * elementSizeBytes, has);
    checkFits('the scales of A', aScalePtr, M * blocks * 4, has);
    checkFits('W', wPtr, N * K * elementSizeBytes, has);
    checkFits('the scales of W', wScalePtr, N * blocks * 4, has);
    checkFits('C', cPtr, (M > 0 ? (M - 1) * cStrideElems + N : 0) * 4, has);
    dot(aPtr, aScalePtr, wPtr, wScalePtr, cPtr, M, N, K, cStrideElems, accumulate);
  };
}

function checkFits(what: string, ptr: number, sizeBytes: number, has: number): void {
  if (ptr >= 0 && ptr + sizeBytes <= has) return;
  throw new CapacityError(
    `${what} must lie in the kernel's ${has} bytes, not at ${ptr} to ${ptr + sizeBytes}`,
  );
}

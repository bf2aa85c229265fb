/** What the tests of the kernels of the cpu run them on. */
import assert from 'node:assert/strict';
import { Random } from '../src/base/index.ts';
import {
  compileModule,
  createMemory,
  instantiate,
  ModuleBuilder,
  type WasmMemory,
  type WasmModule,
} from '../src/wasm/index.ts';
import { emitKernels, instantiateKernels } from '../src/target/cpu/kernels/kernelModule.ts';
import { byteProductsOfHost, type ByteProducts } from '../src/target/cpu/kernels/byteProducts.ts';
import type { Kernels } from '../src/target/cpu/kernels/bind.ts';
import { KERNELS } from '../src/target/cpu/kernels/kernels.table.ts';

const random = new Random(1);

/** As many numbers around 0, the same in every run. */
export function normal(count: number): Float32Array {
  const uniform = (): number => random.float() * 2 - 1;
  return Float32Array.from({ length: count }, () => uniform() + uniform() + uniform());
}

/** Where a kernel may write: `count` elements. */
export interface Region {
  readonly address: number;
  readonly count: number;
}

const PAGES = 16;
/** What memory holds that nothing wrote. */
export const GUARD = 0x7fc0dead; // a NaN, so that what is read out of bounds shows in sums

const modules = new Map<ByteProducts, WasmModule>();

function kernelsFor(products: ByteProducts, memory: WasmMemory): Kernels {
  const module = modules.get(products) ?? compileModule(emitKernels({ products }));
  modules.set(products, module);
  return instantiate<Kernels>(module, { host: { memory } });
}

/** Whether this host's relaxed multiply-add rounds once; false where it has none. */
export function hostFuses(): boolean {
  const module = new ModuleBuilder();
  const params = { a: 'f32', c: 'f32' } as const;
  const spec = { params, results: ['f32'], exported: true } as const;
  module.addFunction('addSquare', { ...spec, results: ['f32'] }, (f, { a, c }) => {
    for (const local of [a, a, c]) f.get(local).emit('f32x4.splat');
    f.emit('f32x4.relaxed_madd').emit('f32x4.extract_lane', 0);
  });
  type Exports = Readonly<Record<'addSquare', (a: number, c: number) => number>>;
  if (byteProductsOfHost() === 'none') return false;
  const { addSquare } = instantiate<Exports>(compileModule(module.encode()));
  // The square has more bits than f32, which show once its leading ones are taken away.
  const a = 1 + 2 ** -12;
  return addSquare(a, -Math.fround(a * a)) !== 0;
}

/** A memory on which kernels run, and which sees where they write. */
export class Workbench {
  readonly #memory;
  readonly #kernels;
  #end = 64;

  /** With the kernels for this host, or for one with these products. */
  constructor(products?: ByteProducts) {
    this.#memory = createMemory({ initial: PAGES });
    this.#kernels = products
      ? kernelsFor(products, this.#memory)
      : instantiateKernels(this.#memory);
    new Int32Array(this.#memory.buffer).fill(GUARD);
  }

  put(values: Float32Array | Int32Array | Uint8Array): number {
    const { address } = this.room(values.byteLength / 4);
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    new Uint8Array(this.#memory.buffer, address, bytes.length).set(bytes);
    return address;
  }

  room(count: number): Region {
    const region = { address: this.#end, count };
    this.#end += Math.ceil((count * 4) / 64) * 64;
    return region;
  }

  /** Runs a kernel; all but the regions, up to the next multiple of 64 bytes, must stay as it is. */
  run<K extends keyof typeof KERNELS>(
    name: K,
    args: { readonly [P in keyof (typeof KERNELS)[K]]: number },
    regions: readonly Region[],
  ): void {
    const before = new Int32Array(this.#memory.buffer).slice();
    const all = args as Record<string, number>;
    this.#kernels[name](...Object.keys(KERNELS[name]).map((param) => all[param]!));
    const after = new Int32Array(this.#memory.buffer).slice();
    for (const { address, count } of regions) {
      const [start, end] = [address / 4, Math.ceil((address + count * 4) / 64) * 16];
      after.set(before.subarray(start, end), start);
    }
    assert.ok(Buffer.from(after.buffer).equals(Buffer.from(before.buffer)), `${name} strays`);
  }

  floats({ address, count }: Region): Float32Array {
    return new Float32Array(this.#memory.buffer, address, count).slice();
  }

  integers({ address, count }: Region): Int32Array {
    return new Int32Array(this.#memory.buffer, address, count).slice();
  }
}

/** Each number within `tolerance` of the largest, or of 1 if that is larger. */
export function assertClose(
  found: Float32Array,
  required: ArrayLike<number>,
  tolerance: number,
): void {
  assert.equal(found.length, required.length);
  const largest = Math.max(1, ...Array.from(required, Math.abs));
  for (const [i, value] of found.entries()) {
    const error = Math.abs(value - required[i]!) / largest;
    assert.ok(error <= tolerance, `element ${i} must be ${required[i]}, not ${value}`);
  }
}

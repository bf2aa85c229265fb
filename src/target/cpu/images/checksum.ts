/**
 * A checksum of memory, fast enough to be taken of all weights at every start: for 16 bytes at a time, lane by lane, the
 * sum of the words and the sum of those sums [1, with words of 32 bits and without a prime modulus]. It sees any one
 * changed word, and lines that are missing or in another place.
 *
 * [1] J. Fletcher, An Arithmetic Checksum for Serial Transmissions, IEEE Transactions on Communications 30 (1982)
 */
import {
  compileModule,
  instantiate,
  ModuleBuilder,
  type FunctionBuilder,
  type Local,
  type WasmMemory,
} from '../../../wasm/index.ts';
import { memoryLimits } from '../kernels/memories.ts';

const LINE_BYTES = 16;
const LANES = [0, 1, 2, 3];
/** Odd, so that no change of a lane is lost when lanes are added up. */
const FACTORS = [1, 0x9e3779b1, 0x85ebca77, 0xc2b2ae3d].map((factor) => factor | 0);

/** The checksum of the bytes from `address` to `end`, as 64 bits; a multiple of 16 bytes. */
export type Checksum = (address: number, end: number) => bigint;

/** The checksum on a memory of kernels. */
export function openChecksum(memory: WasmMemory): Checksum {
  const module = new ModuleBuilder();
  const isShared = memory.buffer instanceof SharedArrayBuffer;
  module.importMemory('host', 'memory', memoryLimits(isShared));
  const params = { address: 'i32', end: 'i32' } as const;
  module.addFunction('checksum', { params, results: ['i64'], exported: true }, (f, p) => {
    const [sum, sums] = [f.local('v128', 'sum'), f.local('v128', 'sums')];
    f.forLoop(p.address, p.address, p.end, LINE_BYTES, () => {
      f.get(p.address).emit('v128.load').get(sum).emit('i32x4.add').tee(sum);
      f.get(sums).emit('i32x4.add').set(sums);
    });
    for (const lanes of [sum, sums]) pushFolded(f, lanes).emit('i64.extend_i32_u');
    f.emit('i64.const', 32n).emit('i64.shl').emit('i64.or');
  });
  const { checksum } = instantiate<{ checksum: Checksum }>(compileModule(module.encode()), {
    host: { memory },
  });
  return (address, end) => BigInt.asUintN(64, checksum(address, end));
}

function pushFolded(f: FunctionBuilder, lanes: Local): FunctionBuilder {
  for (const lane of LANES) {
    f.get(lanes).emit('i32x4.extract_lane', lane).i32(FACTORS[lane]!).emit('i32.mul');
    if (lane > 0) f.emit('i32.add');
  }
  return f;
}

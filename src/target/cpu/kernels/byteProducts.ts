/**
 * What relaxed SIMD's products of bytes are on this host: the standard leaves open what becomes of second operands
 * above 127, and of sums in between, and says that a host always does the same.
 *
 *   none        there is no relaxed SIMD
 *   sevenBits   right for second operands from 0 to 127 whose sums of two products are exact in i16
 *   eightBits   right for second operands from 0 to 255, in i32: vpdpbusd of x86
 */
import { compileModule, instantiate, ModuleBuilder } from '../../../wasm/index.ts';

export type ByteProducts = 'none' | 'sevenBits' | 'eightBits';

/** Four bytes as an i32: all −128, all 127, all 255. */
const [LEAST, MOST, LARGEST] = [0x80808080 | 0, 0x7f7f7f7f, -1];

/** What the host's products are. */
export function byteProductsOfHost(): ByteProducts {
  const dot = dotOfHost();
  if (dot === undefined) return 'none';
  const isExact = dot(LEAST, LARGEST) === 4 * -128 * 255 && dot(MOST, LARGEST) === 4 * 127 * 255;
  return isExact ? 'eightBits' : 'sevenBits';
}

type Dot = (a: number, b: number) => number;

/** One sum of four products; undefined where the host refuses relaxed SIMD. */
function dotOfHost(): Dot | undefined {
  const module = new ModuleBuilder();
  const spec = { params: { a: 'i32', b: 'i32' }, results: ['i32'], exported: true } as const;
  module.addFunction('dot', { ...spec, results: ['i32'] }, (f, { a, b }) => {
    f.get(a).emit('i32x4.splat').get(b).emit('i32x4.splat').i32(0).emit('i32x4.splat');
    f.emit('i32x4.relaxed_dot_i8x16_i7x16_add_s').emit('i32x4.extract_lane', 0);
  });
  try {
    return instantiate<{ dot: Dot }>(compileModule(module.encode())).dot;
  } catch {
    return undefined;
  }
}

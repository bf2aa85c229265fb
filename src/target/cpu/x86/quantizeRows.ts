/** Rows of activations in 8 bits, as ../kernels/quantizeRows.ts defines them, bit for bit. */
import {
  at,
  mask,
  resized,
  zeroing,
  type Assembler,
  type FunctionBuilder,
  type General,
  type Vector,
} from '../../../x86/index.ts';
import { ACTIVATION_BLOCK } from '../kernels/quantizeRows.ts';
import { Constants, emitReduce } from './lanes.ts';

/** Arguments. Pointers are addresses, the stride bytes; `blocks` of 32 columns a row. None is zero. */
export const QUANTIZE_ROWS = [...(['x', 'xStride', 'out', 'rows', 'blocks'] as const)];

const LINE_BYTES = 64;
const SMALLEST = 2 ** -100;
const LARGEST_LEVEL = 127;
const LARGE_ENOUGH = mask(1);
/** Comparison "not less than", false for what is not a number. */
const AT_LEAST = 13;

/** Adds `quantizeRows`. */
export function addQuantizeRows(assembler: Assembler): void {
  const constants = new Constants(assembler, [SMALLEST, LARGEST_LEVEL]);
  const signs = assembler.constant(new Uint8Array(Uint32Array.of(0x7fffffff).buffer));
  assembler.addFunction('quantizeRows', QUANTIZE_ROWS, (f, block) => {
    const [row, stride, out, rows] = f.load(...[block.x, block.xStride, block.out, block.rows]) as [
      General,
      General,
      General,
      General,
    ];
    const [x, blocks, magnitude] = [f.general(), f.general(), f.vector(512)];
    f.emit('vpbroadcastd', magnitude, at(signs)).repeat(rows, () => {
      f.emit('mov', x, row)
        .emit('mov', blocks, block.blocks)
        .repeat(blocks, () => {
          quantizeBlock(f, constants, x, out, magnitude);
          f.emit('add', x, 2 * LINE_BYTES).emit('add', out, ACTIVATION_BLOCK.bytes);
        });
      f.emit('add', row, stride);
    });
  });
}

function quantizeBlock(
  f: FunctionBuilder,
  constants: Constants,
  x: General,
  out: General,
  magnitude: Vector,
): void {
  const values = f.vectors(512, 2);
  const [largest, other, inverse] = f.vectors(512, 3) as [Vector, Vector, Vector];
  values.forEach((value, h) => f.emit('vmovups', value, at(x, LINE_BYTES * h)));
  f.emit('vpandd', largest, magnitude, values[0]!).emit('vpandd', other, magnitude, values[1]!);
  f.emit('vmaxps', largest, largest, other);
  emitReduce(f, 'vmaxps', largest);
  const low = (vector: Vector): Vector => resized(vector, 128);
  f.emit('vbroadcastss', low(other), constants.one(LARGEST_LEVEL));
  f.emit('vdivps', low(inverse), low(other), low(largest));
  f.emit('vdivps', low(other), low(largest), low(other));
  f.emit('vmovss', at(out, ACTIVATION_BLOCK.scaleAt), low(other));
  f.emit('vcmpps', LARGE_ENOUGH, largest, constants.every(SMALLEST), AT_LEAST);
  f.emit('vbroadcastss', zeroing(inverse, LARGE_ENOUGH), low(inverse));
  values.forEach((value, h) => {
    f.emit('vmulps', value, value, inverse).emit('vcvtps2dq', value, value);
    f.emit('vpmovsdb', at(out, 16 * h), value);
  });
  storeSums(f, out, values as [Vector, Vector], [largest, other]);
  f.free(inverse, other, largest, ...values);
}

/** −128 times the sums of both halves, and of all; both are summed in the halves of one vector. */
function storeSums(
  f: FunctionBuilder,
  out: General,
  [a, b]: readonly [Vector, Vector],
  [sum, other]: readonly [Vector, Vector],
): void {
  const [zero, upper] = [resized(a, 128), resized(b, 256)];
  f.emit('vshuff32x4', sum, a, b, 0x44).emit('vshuff32x4', other, a, b, 0xee);
  f.emit('vpaddd', sum, sum, other).emit('vshuff32x4', other, sum, sum, 0xb1);
  f.emit('vpaddd', sum, sum, other);
  for (const order of [0x4e, 0xb1]) {
    f.emit('vpshufd', other, sum, order).emit('vpaddd', sum, sum, other);
  }
  f.emit('vpslld', sum, sum, 7).emit('vpxor', zero, zero, zero);
  f.emit('vpsubd', sum, a, sum).emit('vextracti32x8', upper, sum, 1);
  const [first, second] = [resized(sum, 128), resized(upper, 128)];
  f.emit('vmovd', at(out, ACTIVATION_BLOCK.halfSumsAt[0]), first);
  f.emit('vmovd', at(out, ACTIVATION_BLOCK.halfSumsAt[1]), second);
  f.emit('vpaddd', first, first, second).emit('vmovd', at(out, ACTIVATION_BLOCK.sumAt), first);
}

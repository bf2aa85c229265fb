/** Rows of activations in 8 bits, as ../kernels/quantizeRows.ts defines them, bit for bit. */
import {
  at,
  mask,
  resized,
  zeroing,
  type Assembler,
  type FunctionBuilder,
  type General,
  type Label,
  type Memory,
  type Vector,
} from '../../../x86/index.ts';
import { ACTIVATION_BLOCK } from '../kernels/quantizeRows.ts';
import { Constants, emitReduce } from './lanes.ts';
import { BOTH, emitAnd, fullVector, isWide, vectorBits } from './width.ts';

/** Arguments. Pointers are addresses, the stride bytes; `blocks` of 32 columns a row. None is zero. */
export const QUANTIZE_ROWS = [...(['x', 'xStride', 'out', 'rows', 'blocks'] as const)];

const LINE_BYTES = 64;
const SMALLEST = 2 ** -100;
const LARGEST_LEVEL = 127;
const LARGE_ENOUGH = mask(1);
/** Comparison "not less than", false for what is not a number. */
const AT_LEAST = 13;
/** Four bytes from each of four vectors lie in each 128 bits of the packed; so they come in order. */
const PACKED_ORDER = [0, 4, 1, 5, 2, 6, 3, 7];

/** What the blocks need beside them in memory. */
interface Beside {
  readonly numbers: Constants;
  readonly order: Label;
}

/** Adds `quantizeRows`. */
export function addQuantizeRows(assembler: Assembler): void {
  const words = (values: readonly number[]): Label =>
    assembler.constant(new Uint8Array(Uint32Array.from(values).buffer));
  const numbers = new Constants(assembler, [SMALLEST, LARGEST_LEVEL]);
  const [signs, order] = [words([0x7fffffff]), words(PACKED_ORDER)];
  assembler.addFunction('quantizeRows', QUANTIZE_ROWS, (f, block) => {
    const [row, stride, out, rows] = f.load(...[block.x, block.xStride, block.out, block.rows]) as [
      General,
      General,
      General,
      General,
    ];
    const [x, blocks, magnitude] = [f.general(), f.general(), fullVector(f)];
    f.emit('vpbroadcastd', magnitude, at(signs)).repeat(rows, () => {
      f.emit('mov', x, row)
        .emit('mov', blocks, block.blocks)
        .repeat(blocks, () => {
          quantizeBlock(f, { numbers, order }, x, out, magnitude);
          f.emit('add', x, 2 * LINE_BYTES).emit('add', out, ACTIVATION_BLOCK.bytes);
        });
      f.emit('add', row, stride);
    });
  });
}

function quantizeBlock(
  f: FunctionBuilder,
  { numbers, order }: Beside,
  x: General,
  out: General,
  magnitude: Vector,
): void {
  const bytes = vectorBits(f) / 8;
  const values = f.vectors(vectorBits(f), (2 * LINE_BYTES) / bytes);
  const [largest, other, inverse] = [fullVector(f), fullVector(f), fullVector(f)];
  values.forEach((value, i) => f.emit('vmovups', value, at(x, bytes * i)));
  emitAnd(f, largest, magnitude, values[0]!);
  for (const value of values.slice(1)) {
    emitAnd(f, other, magnitude, value);
    f.emit('vmaxps', largest, largest, other);
  }
  emitReduce(f, 'vmaxps', largest);
  f.emit('vbroadcastss', low(other), numbers.one(LARGEST_LEVEL));
  f.emit('vdivps', low(inverse), low(other), low(largest));
  f.emit('vdivps', low(other), low(largest), low(other));
  f.emit('vmovss', at(out, ACTIVATION_BLOCK.scaleAt), low(other));
  repeatIfLarge(f, inverse, largest, other, numbers.one(SMALLEST));
  for (const value of values)
    f.emit('vmulps', value, value, inverse).emit('vcvtps2dq', value, value);
  if (isWide(f)) {
    values.forEach((value, h) => f.emit('vpmovsdb', at(out, 16 * h), value));
    storeWideSums(f, out, values as [Vector, Vector], [largest, other]);
  } else {
    storeSums(f, out, values, [largest, other, inverse]);
    packBytes(f, values, at(order), out);
  }
  f.free(inverse, other, largest, ...values);
}

function low(vector: Vector): Vector {
  return resized(vector, 128);
}

/** The first lane of `x` in all lanes, if `largest` is large enough; else zeros. */
function repeatIfLarge(
  f: FunctionBuilder,
  x: Vector,
  largest: Vector,
  spare: Vector,
  smallest: Memory,
): void {
  f.emit('vbroadcastss', spare, smallest);
  if (isWide(f)) {
    f.emit('vcmpps', LARGE_ENOUGH, largest, spare, AT_LEAST);
    f.emit('vbroadcastss', zeroing(x, LARGE_ENOUGH), low(x));
  } else {
    f.emit('vcmpps', spare, largest, spare, AT_LEAST).emit('vbroadcastss', x, low(x));
    f.emit('vandps', x, x, spare);
  }
}

/** Store 32 numbers as bytes, those beyond as the nearest; the vectors are used up. */
function packBytes(
  f: FunctionBuilder,
  values: readonly Vector[],
  order: Memory,
  out: General,
): void {
  const [a, b, c, d] = values as [Vector, Vector, Vector, Vector];
  f.emit('vpackssdw', a, a, b).emit('vpackssdw', c, c, d).emit('vpacksswb', a, a, c);
  f.emit('vmovups', b, order).emit('vpermd', a, b, a).emit('vmovups', at(out), a);
}

/** −128 times the sums of both halves, and of all. */
function storeSums(
  f: FunctionBuilder,
  out: General,
  values: readonly Vector[],
  [zero, sum, all]: readonly [Vector, Vector, Vector],
): void {
  f.emit('vpxor', low(zero), low(zero), low(zero));
  f.emit('vpxor', low(all), low(all), low(all));
  for (const h of BOTH) {
    const [first, second] = values.slice((values.length / 2) * h, (values.length / 2) * (h + 1));
    f.emit('vmovups', sum, first!);
    if (second) f.emit('vpaddd', sum, sum, second);
    emitReduce(f, 'vpaddd', sum);
    f.emit('vpslld', low(sum), low(sum), 7);
    f.emit('vpsubd', low(sum), low(zero), low(sum));
    f.emit('vmovd', at(out, ACTIVATION_BLOCK.halfSumsAt[h]), low(sum));
    f.emit('vpaddd', low(all), low(all), low(sum));
  }
  f.emit('vmovd', at(out, ACTIVATION_BLOCK.sumAt), low(all));
}

/** The same, where both are summed in the halves of one vector; both are used up. */
function storeWideSums(
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

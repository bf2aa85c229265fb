/** Residual streams: docs/numerics.md, section 4, as vector instructions. */
import { type Kernel } from '../../../compile/index.ts';
import { lastDim, type NodeOf } from '../../../ir/index.ts';
import { type Context } from './context.ts';
import { destinationOf, floatOf, headsOf, headStrideOf, type FloatPlacement } from './placement.ts';
import { shift, type Operand, type Ref } from './tiles.ts';

type Fields = Record<string, Operand>;

/** Rows (t, j): from token to token, from row to row of one. */
type Strides = readonly [stride: number, inner: number];

function source(a: Ref, [aStride, aInner]: Strides): Fields {
  return { a, aStride, aInner };
}

function factor(b: Ref, [bStride, bInner]: Strides): Fields {
  return { b, bStride, bInner };
}

/** One instruction for each head of the result: its rows are those of all tokens. */
export function lowerMixHeads(context: Context, kernel: Kernel): void {
  const node = kernel.anchors[0] as NodeOf<'mixHeads'>;
  const [coefficients, x] = node.inputs.map((input) => floatOf(context, input)) as [
    FloatPlacement,
    FloatPlacement,
  ];
  const out = destinationOf(context, node) as FloatPlacement;
  const terms = headsOf(node.inputs[1]!);
  const columns = lastDim(node.type);
  for (let head = 0; head < headsOf(node); head++) {
    context.tiles.emit('mix', {
      ...source(x.at, [x.stride, headStrideOf(x, columns)]),
      ...factor(shift(coefficients.at, head * terms * 4), [coefficients.stride, 4]),
      ...{ rows: x.rows, terms, columns, accumulate: 0 },
      ...{ d: shift(out.at, head * columns * 4), dStride: out.stride },
    });
  }
}

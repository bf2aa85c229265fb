/** Layer normalisation: docs/numerics.md, section 4, as vector instructions on the rows of a value. */
import type { Kernel } from '../../../compile/index.ts';
import { lastDim, type NodeOf } from '../../../ir/index.ts';
import { FORMAT_CODES } from '../isa.table.ts';
import type { Context } from './context.ts';
import { loadConstant, loadFilled } from './epilogue.ts';
import { destinationOf, floatOf, headsOf, headStrideOf, type FloatPlacement } from './placement.ts';
import { factor, into, PLAIN, source, type Strides } from './rowFields.ts';

export function lowerLayerNormalization(context: Context, kernel: Kernel): void {
  const node = kernel.anchors[0] as NodeOf<'layerNormalization'>;
  const { tiles } = context;
  const x = floatOf(context, node.inputs[0]!);
  const out = destinationOf(context, node) as FloatPlacement;
  const [columns, inner] = [lastDim(node.type), headsOf(node)];
  const shape = { rows: x.rows * inner, inner, columns };
  const given: Strides = [x.stride, headStrideOf(x, columns)];
  const result: Strides = [out.stride, headStrideOf(out, columns)];
  const inPlace = { ...source(out.at, result), ...shape, ...into(out.at, result) };
  const means = tiles.allocate('means', 'tensors', shape.rows * 4);
  const perRow: Strides = [inner * 4, 4];
  const scale = Math.fround(-1 / columns);
  tiles.emit('sum', { ...source(x.at, given), ...shape, ...into(means, perRow), scale });
  const copied = { ...PLAIN, aFormat: FORMAT_CODES.f32 };
  tiles.emit('copy', { ...source(x.at, given), ...shape, ...into(out.at, result), ...copied });
  const ones = source(loadFilled(context, 1, columns), [0, 0]);
  tiles.emit('scaleAdd', { ...inPlace, ...ones, ...factor(means, perRow) });
  tiles.emit('rms', {
    ...{ ...inPlace, b: loadConstant(context, node.inputs[1]!) },
    ...{ epsilon: Math.fround(node.attrs.epsilon), inverse: Math.fround(1 / columns) },
    ...{ dFormat: FORMAT_CODES.f32, group: 0 },
  });
  const bias = factor(loadConstant(context, node.inputs[2]!), [0, 0]);
  tiles.emit('add', { ...inPlace, ...bias, ...PLAIN });
}

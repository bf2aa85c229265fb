/**
 * W8A8 and W8A16 as msModelSlim writes them for Ascend: int8 matrices with a scale for each channel.
 *
 *   weight         I8 [out, in]
 *   weight_scale   [out, 1]
 *   weight_offset  [out, 1], all zero: the matrix units of these chips take symmetric weights only
 *
 * The file quant_model_description.json names the kind of each tensor; weights that were left in
 * floating point show in their dtype. Scales for activations (`deq_scale`, `input_scale`) are not used.
 */
import { problem, UnsupportedError } from '../../../base/index.ts';
import { decoderOf } from '../tensorValues.ts';
import type { StoredTensor } from '../safetensors.ts';
import { placeOf, readRowBytes, rowCount } from '../weight.ts';
import { activationsNote, moduleOf } from './format.ts';
import type { WeightFormat } from './format.ts';
import { blockScales, matrixShape, scaledRows, unpackInt8 } from './scaledRows.ts';

const KINDS: readonly unknown[] = ['W8A8', 'W8A8_DYNAMIC', 'W8A16'];

export const ASCEND: WeightFormat = {
  problems({ model_quant_type: kind }) {
    if (KINDS.includes(kind)) return [];
    return [problem('model_quant_type', `one of ${KINDS.join(', ')}`, kind)];
  },

  locate(name, tensors) {
    const codes = tensors.find(name);
    if (codes?.dtype !== 'I8') return undefined;
    const shape = matrixShape(codes);
    const scale = tensors.require(`${moduleOf(name)}.weight_scale`);
    const offset = tensors.find(`${moduleOf(name)}.weight_offset`);
    const weight = scaledRows({
      codes,
      shape,
      unpack: unpackInt8,
      scales: blockScales(scale, shape, [1, shape[1]]),
      columns: shape[1],
    });
    if (offset === undefined) return weight;
    const decodeRows: typeof weight.decodeRows = (start, out) => {
      requireZero(offset);
      weight.decodeRows(start, out);
    };
    return { ...weight, stored: [...weight.stored, offset], decodeRows };
  },

  note: ({ model_quant_type: kind }) => (kind === 'W8A16' ? undefined : activationsNote('int8')),
};

function requireZero(offset: StoredTensor): void {
  const values = decoderOf(offset)(readRowBytes(offset, 0, rowCount(offset.shape)));
  const bad = values.find((value) => value !== 0);
  if (bad === undefined) return;
  throw new UnsupportedError(`offsets of weights must be 0, not ${bad}`, {
    where: placeOf(offset),
    hint: 'use a checkpoint with symmetric weights, as the runtime of these chips wants',
  });
}

/** MXFP4 as AMD Quark writes it: `weight` and `weight_scale`, both U8 (mxfp4.ts). */
import { isRecord, problem } from '../../../base/index.ts';
import { activationsNote, moduleOf } from './format.ts';
import type { WeightFormat } from './format.ts';
import { mxfp4Weight } from './mxfp4.ts';

const FIELD = 'quantization_config.global_quant_config.weight';

export const QUARK: WeightFormat = {
  problems({ global_quant_config: global }) {
    const weight = isRecord(global) ? global['weight'] : undefined;
    if (!isRecord(weight)) return [problem(FIELD, 'an object', weight)];
    const { dtype, group_size: group, scale_format: scale = 'e8m0' } = weight;
    return [
      ...(dtype === 'fp4' ? [] : [problem(`${FIELD}.dtype`, '"fp4"', dtype)]),
      ...(group === 32 ? [] : [problem(`${FIELD}.group_size`, '32', group)]),
      ...(scale === 'e8m0' ? [] : [problem(`${FIELD}.scale_format`, '"e8m0"', scale)]),
    ];
  },

  locate(name, tensors) {
    const codes = tensors.find(name);
    if (codes?.dtype !== 'U8') return undefined;
    return mxfp4Weight(codes, tensors.require(`${moduleOf(name)}.weight_scale`));
  },

  note: () => activationsNote('quantised'),
};

/** The formats of quantised weights by what `quantization_config.quant_method` calls them. */
import { ASCEND } from './ascend.ts';
import { AWQ } from './awq.ts';
import { COMPRESSED_TENSORS } from './compressedTensors.ts';
import type { WeightFormat } from './format.ts';
import { FP8 } from './fp8.ts';
import { GPTQ } from './gptq.ts';
import { MODELOPT } from './nvfp4.ts';
import { QUARK } from './quark.ts';

export const FORMATS: ReadonlyMap<string, WeightFormat> = new Map([
  ['fp8', FP8],
  ['awq', AWQ],
  ['gptq', GPTQ],
  ['compressed-tensors', COMPRESSED_TENSORS],
  ['modelopt', MODELOPT],
  ['quark', QUARK],
  ['ascend', ASCEND],
]);

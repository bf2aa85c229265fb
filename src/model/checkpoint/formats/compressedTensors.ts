/**
 * compressed-tensors (llm-compressor, vLLM) [1]. The tensors beside a weight say how it is stored:
 *
 *   weight I8, weight_scale, perhaps weight_zero_point I8      integers, as in W8A8 and W8A16
 *   weight F8_E4M3, weight_scale                               FP8
 *   weight_packed I32, weight_scale, weight_shape,             integers of 4 or 8 bits, offset by half their
 *     perhaps weight_zero_point I32 and weight_g_idx           range, the first in the lowest bits
 *   weight_packed U8, weight_scale U8                          MXFP4 (mxfp4.ts)
 *   weight_packed U8, weight_scale F8_E4M3, …_global_scale     NVFP4 (nvfp4.ts)
 *
 * Scales are one for all, [out, 1] for channels or [out, groups]; FP8 also has blocks. Packed zero
 * points run along `out`: [⌈out · bits / 32⌉, groups].
 *
 * [1] https://github.com/vllm-project/compressed-tensors
 */
import { FormatError, isRecord, problem } from '../../../base/index.ts';
import type { JsonRecord } from '../../../base/index.ts';
import type { StoredTensor } from '../safetensors.ts';
import { elementCount } from '../safetensors.ts';
import { placeOf, readRowBytes, requireShape } from '../weight.ts';
import type { Weight } from '../weight.ts';
import { activationsNote, moduleOf, requireDtype } from './format.ts';
import type { TensorSet, WeightFormat } from './format.ts';
import { e4m3Weight } from './fp8.ts';
import { mxfp4Weight } from './mxfp4.ts';
import { nvfp4Weight } from './nvfp4.ts';
import { blockOfScales, blockScales, matrixShape, scaledRows, unpackInt8 } from './scaledRows.ts';
import type { BlockShape, RowValues } from './scaledRows.ts';

const FORMATS: readonly unknown[] = [
  'int-quantized',
  'float-quantized',
  'naive-quantized',
  'pack-quantized',
  'nvfp4-pack-quantized',
  'mxfp4-pack-quantized',
  'mixed-precision',
];

type Bits = 4 | 8;
type Extents = readonly [out: number, width: number];

export const COMPRESSED_TENSORS: WeightFormat = {
  problems(config) {
    const format = config['format'];
    const known = FORMATS.includes(format);
    return [
      ...(known ? [] : [problem(field('format'), `one of ${FORMATS.join(', ')}`, format)]),
      ...(isDense(config['sparsity_config'])
        ? []
        : [`${field('sparsity_config')} must be absent, because sparse weights are not supported`]),
      ...(isEmpty(config['transform_config'])
        ? []
        : [
            `${field('transform_config')} must be absent, because transforms of activations are not supported`,
          ]),
    ];
  },

  locate(name, tensors, config) {
    const module = moduleOf(name);
    const packed = tensors.find(`${module}.weight_packed`);
    if (packed !== undefined) return packedWeight(module, packed, tensors);
    const codes = tensors.find(name);
    if (codes?.dtype === 'I8') return integerWeight(module, codes, tensors);
    if (codes?.dtype === 'F8_E4M3') return floatWeight(module, codes, tensors, config);
    return undefined;
  },

  note(config) {
    const quantised = groupsOf(config).some((group) => isRecord(group['input_activations']));
    return quantised ? activationsNote('quantised') : undefined;
  },
};

function packedWeight(module: string, packed: StoredTensor, tensors: TensorSet): Weight {
  const scale = tensors.require(`${module}.weight_scale`);
  if (packed.dtype === 'I32') return packedIntegers(module, packed, scale, tensors);
  if (scale.dtype !== 'F8_E4M3') return mxfp4Weight(packed, scale);
  return nvfp4Weight(packed, scale, {
    divisor: tensors.require(`${module}.weight_global_scale`),
  });
}

/** A matrix of int8, with a scale and perhaps a zero point for each group. */
function integerWeight(module: string, codes: StoredTensor, tensors: TensorSet): Weight {
  const shape = matrixShape(codes);
  const scale = tensors.require(`${module}.weight_scale`);
  const block = blockOfScales(scale, shape);
  const zeros = tensors.find(`${module}.weight_zero_point`);
  return scaledRows({
    codes,
    shape,
    unpack: unpackInt8,
    scales: blockScales(scale, shape, block),
    zeros: zeros && blockScales(zeros, shape, block),
    columns: block[1],
  });
}

/** An e4m3 matrix; blocks are those of the first group of weights that names some. */
function floatWeight(
  module: string,
  codes: StoredTensor,
  tensors: TensorSet,
  config: JsonRecord,
): Weight {
  const scale = tensors.require(`${module}.weight_scale`);
  const named = groupsOf(config).flatMap(({ weights }) => {
    const block = isRecord(weights) ? weights['block_structure'] : undefined;
    return isBlockShape(block) ? [block] : [];
  });
  return e4m3Weight(codes, scale, named[0] ?? blockOfScales(scale, matrixShape(codes)));
}

function packedIntegers(
  module: string,
  packed: StoredTensor,
  scale: StoredTensor,
  tensors: TensorSet,
): Weight {
  const shape = readExtents(tensors.require(`${module}.weight_shape`));
  const bits = bitsOf(packed, shape);
  const columnGroups = tensors.find(`${module}.weight_g_idx`);
  const block = blockOfScales(scale, shape);
  const zeros = tensors.find(`${module}.weight_zero_point`);
  return scaledRows({
    codes: packed,
    shape,
    unpack: (row, out) => unpackIntegers(row, bits, out),
    scales: blockScales(scale, shape, block),
    zeros: zeros && packedZeros(zeros, shape, block, bits),
    columnGroups,
    columns: block[1],
  });
}

/** Integers of 4 or 8 bits, the first in the lowest bits of the row, offset by half their range. */
function unpackIntegers(row: Uint8Array, bits: Bits, out: Float32Array): void {
  const offset = bits === 4 ? 8 : 128;
  for (let i = 0; i < out.length; i++) {
    const code = bits === 8 ? row[i]! : (row[i >> 1]! >> (4 * (i & 1))) & 15;
    out[i] = code - offset;
  }
}

/** Zero points packed along `out`: row r is in the bits · r lowest bits of its column. */
function packedZeros(
  tensor: StoredTensor,
  shape: Extents,
  [, columns]: BlockShape,
  bits: Bits,
): RowValues {
  const perWord = 32 / bits;
  const groups = Math.ceil(shape[1] / columns);
  requireDtype(tensor, 'I32');
  requireShape(tensor, [Math.ceil(shape[0] / perWord), groups]);
  const read = (start: number, count: number): Float32Array => {
    const first = Math.floor(start / perWord);
    const rows = Math.ceil((start + count) / perWord) - first;
    const words = new Uint32Array(readRowBytes(tensor, first, rows).buffer);
    return Float32Array.from({ length: count * groups }, (_, i) => {
      const row = start + Math.floor(i / groups);
      const word = words[(Math.floor(row / perWord) - first) * groups + (i % groups)]!;
      return ((word >>> (bits * (row % perWord))) & (2 ** bits - 1)) - 2 ** (bits - 1);
    });
  };
  return { tensor, read };
}

/** weight_shape: two integers, of 32 or 64 bits. */
function readExtents(tensor: StoredTensor): Extents {
  requireDtype(tensor, 'I64', 'I32');
  requireShape(tensor, [2]);
  const { buffer } = readRowBytes(tensor, 0, 2);
  const words = tensor.dtype === 'I64' ? new BigInt64Array(buffer) : new Int32Array(buffer);
  const [out = 0, width = 0] = Array.from(words, Number);
  if (out > 0 && width > 0 && Number.isSafeInteger(elementCount([out, width]))) return [out, width];
  throw new FormatError(`a weight_shape must have positive extents, not [${out}, ${width}]`, {
    where: placeOf(tensor),
    hint: 'get the file again: it is damaged',
  });
}

/** The width of the elements follows from how many words a row takes. */
function bitsOf(packed: StoredTensor, [out, width]: Extents): Bits {
  const words = packed.shape[1];
  if (words === Math.ceil(width / 4) && words !== Math.ceil(width / 8)) {
    requireShape(packed, [out, words]);
    return 8;
  }
  requireShape(packed, [out, Math.ceil(width / 8)]);
  return 4;
}

function groupsOf({ config_groups: groups }: JsonRecord): JsonRecord[] {
  return isRecord(groups) ? Object.values(groups).filter(isRecord) : [];
}

function isDense(value: unknown): boolean {
  return isEmpty(value) || (isRecord(value) && value['format'] === 'dense');
}

function isEmpty(value: unknown): boolean {
  return (
    value === undefined || value === null || (isRecord(value) && Object.keys(value).length === 0)
  );
}

function isBlockShape(value: unknown): value is BlockShape {
  return (
    Array.isArray(value) &&
    value.length === 2 &&
    value.every((extent) => Number.isInteger(extent) && extent > 0)
  );
}

function field(name: string): string {
  return `quantization_config.${name}`;
}

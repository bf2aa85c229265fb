/**
 * AWQ [1], version "gemm": 4-bit codes, transposed, eight output channels a word in the order that its
 * CUDA kernels want.
 *
 *   qweight  I32 [in, out / 8]       channel 8w + c of word w is in bits 4·ORDER[c] to 4·ORDER[c] + 3
 *   qzeros   I32 [in / group, out / 8]
 *   scales   F16 [in / group, out]
 *
 *   value = (code − zero) · scale
 *
 * [1] https://github.com/casper-hansen/AutoAWQ, awq/utils/packing_utils.py
 */
import { problem } from '../../../base/index.ts';
import type { JsonRecord } from '../../../base/index.ts';
import { decoderOf } from '../tensorValues.ts';
import type { StoredTensor } from '../safetensors.ts';
import { requireShape } from '../weight.ts';
import type { Weight } from '../weight.ts';
import { moduleOf, requireDtype } from './format.ts';
import type { WeightFormat } from './format.ts';
import { columnsPerGroup, groupsInOrder, packedColumns, readColumns } from './packedColumns.ts';
import { matrixShape } from './scaledRows.ts';

/** Nibble of each of the eight channels of a word. */
const ORDER = [0, 4, 1, 5, 2, 6, 3, 7] as const;
const PER_WORD = 8;

export const AWQ: WeightFormat = {
  problems({ bits, version = 'gemm', zero_point: zeroPoint = true }) {
    const kind = typeof version === 'string' ? version.toLowerCase() : version;
    return [
      ...(bits === 4 ? [] : [problem('quantization_config.bits', '4', bits)]),
      ...(kind === 'gemm' ? [] : [problem('quantization_config.version', '"gemm"', version)]),
      ...(zeroPoint === true ? [] : [problem('quantization_config.zero_point', 'true', zeroPoint)]),
    ];
  },

  locate(name, tensors, config) {
    const module = moduleOf(name);
    const codes = tensors.find(`${module}.qweight`);
    if (codes === undefined) return undefined;
    const zeros = tensors.require(`${module}.qzeros`);
    return awqWeight(codes, zeros, tensors.require(`${module}.scales`), config);
  },
};

function awqWeight(
  codes: StoredTensor,
  zeros: StoredTensor,
  scales: StoredTensor,
  config: JsonRecord,
): Weight {
  const [width, out] = matrixShape(codes, PER_WORD);
  const columns = columnsPerGroup(config, [out, width], scales);
  const groups = scales.shape[0]!;
  requireDtype(codes, 'I32');
  requireDtype(zeros, 'I32');
  requireShape(zeros, [groups, out / PER_WORD]);
  const decode = decoderOf(scales);
  return packedColumns({
    stored: [codes, zeros, scales],
    shape: [out, width],
    bits: 4,
    groupOf: () => groupsInOrder(width, columns),
    readGroups: (start, count) => ({
      scales: decode(readColumns(scales, start, count).bytes),
      zeros: Float32Array.from(readNibbles(zeros, start, count)),
    }),
    readCodes: (start, count) => readNibbles(codes, start, count),
  });
}

/** The codes of `count` channels from `start`, row-major. */
function readNibbles(tensor: StoredTensor, start: number, count: number): Uint8Array {
  const first = Math.floor(start / PER_WORD);
  const words = readColumns(tensor, first, Math.ceil((start + count) / PER_WORD) - first);
  return unpackAwq(new Uint32Array(words.bytes.buffer), words.count, start % PER_WORD, count);
}

/** Rows of `wordsPerRow` words to rows of `count` codes, leaving out the first `skip` channels. */
export function unpackAwq(
  words: Uint32Array,
  wordsPerRow: number,
  skip: number,
  count: number,
): Uint8Array {
  const rows = wordsPerRow === 0 ? 0 : words.length / wordsPerRow;
  const codes = new Uint8Array(rows * count);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < count; i++) {
      const channel = skip + i;
      const word = words[row * wordsPerRow + (channel >> 3)]!;
      codes[row * count + i] = (word >>> (4 * ORDER[channel & 7]!)) & 15;
    }
  }
  return codes;
}

/**
 * GPTQ [1]: codes of 2, 4 or 8 bits, transposed, packed along `in` with the first in the lowest bits.
 *
 *   qweight  I32 [in · bits / 32, out]
 *   qzeros   I32 [groups, out · bits / 32]   packed along `out`
 *   scales   F16 [groups, out]
 *   g_idx    I32 [in], the group of each element (act-order); without it groups are in order
 *
 *   value = (code − zero) · scale
 *
 * Format "gptq" (version 1) stores zero − 1, so one is added to what is read, after masking; format
 * "gptq_v2" stores the zero itself.
 *
 * [1] Frantar et al., https://arxiv.org/abs/2210.17323; layout: https://github.com/ModelCloud/GPTQModel
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
import { matrixShape, readGroups } from './scaledRows.ts';

const BITS: readonly unknown[] = [2, 4, 8];
const VERSION_1: readonly unknown[] = ['gptq', undefined, null];
const VERSIONS: readonly unknown[] = [...VERSION_1, 'gptq_v2'];

export const GPTQ: WeightFormat = {
  problems({ bits, checkpoint_format: version }) {
    return [
      ...(BITS.includes(bits) ? [] : [problem('quantization_config.bits', '2, 4 or 8', bits)]),
      ...(VERSIONS.includes(version)
        ? []
        : [problem('quantization_config.checkpoint_format', '"gptq" or "gptq_v2"', version)]),
    ];
  },

  locate(name, tensors, config) {
    const module = moduleOf(name);
    const codes = tensors.find(`${module}.qweight`);
    if (codes === undefined) return undefined;
    const zeros = tensors.require(`${module}.qzeros`);
    const scales = tensors.require(`${module}.scales`);
    return gptqWeight({ codes, zeros, scales, order: tensors.find(`${module}.g_idx`) }, config);
  },
};

interface Stored {
  readonly codes: StoredTensor;
  readonly zeros: StoredTensor;
  readonly scales: StoredTensor;
  readonly order: StoredTensor | undefined;
}

function gptqWeight({ codes, zeros, scales, order }: Stored, config: JsonRecord): Weight {
  const bits = config['bits'] as number;
  const perWord = 32 / bits;
  const [words, out] = matrixShape(codes);
  const width = words * perWord;
  const columns = columnsPerGroup(config, [out, width], scales);
  const groups = scales.shape[0]!;
  for (const packed of [codes, zeros]) requireDtype(packed, 'I32');
  requireShape(zeros, [groups, Math.ceil(out / perWord)]);
  const decode = decoderOf(scales);
  const addend = VERSION_1.includes(config['checkpoint_format']) ? 1 : 0;
  return packedColumns({
    stored: order === undefined ? [codes, zeros, scales] : [codes, zeros, scales, order],
    shape: [out, width],
    bits,
    groupOf: () =>
      order === undefined ? groupsInOrder(width, columns) : readGroups(order, width, groups),
    readGroups: (start, count) => ({
      scales: decode(readColumns(scales, start, count).bytes),
      zeros: readZeros(zeros, bits, start, count).map((zero) => zero + addend),
    }),
    readCodes: (start, count) => {
      const { bytes } = readColumns(codes, start, count);
      return unpackAlongRows(new Uint32Array(bytes.buffer), count, bits);
    },
  });
}

/** Zero points of `count` channels from `start`, a row for each group. */
function readZeros(tensor: StoredTensor, bits: number, start: number, count: number): Float32Array {
  const perWord = 32 / bits;
  const first = Math.floor(start / perWord);
  const { bytes, count: perRow } = readColumns(
    tensor,
    first,
    Math.ceil((start + count) / perWord) - first,
  );
  const words = new Uint32Array(bytes.buffer);
  const groups = tensor.shape[0]!;
  return Float32Array.from({ length: groups * count }, (_, i) => {
    const channel = (start % perWord) + (i % count);
    const word = words[Math.floor(i / count) * perRow + Math.floor(channel / perWord)]!;
    return (word >>> (bits * (channel % perWord))) & (2 ** bits - 1);
  });
}

/** Words [in · bits / 32, count] to codes [in, count]. */
export function unpackAlongRows(words: Uint32Array, count: number, bits: number): Uint8Array {
  const perWord = 32 / bits;
  const mask = 2 ** bits - 1;
  const codes = new Uint8Array(words.length * perWord);
  for (let i = 0; i < words.length; i++) {
    const first = Math.floor(i / count) * perWord * count + (i % count);
    for (let k = 0; k < perWord; k++) {
      codes[first + k * count] = (words[i]! >>> (bits * k)) & mask;
    }
  }
  return codes;
}

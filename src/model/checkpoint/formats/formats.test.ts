/** Every byte that a format can hold, against its definition written in another way. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { e2m1, e4m3 } from '../../../../test/stored/definitions.ts';
import { FormatError, memorySource, UnsupportedError } from '../../../base/index.ts';
import type { JsonRecord } from '../../../base/index.ts';
import { createCheckpoint } from '../checkpoint.ts';
import type { Checkpoint } from '../checkpoint.ts';
import { encodeSafetensors } from '../encodeSafetensors.ts';
import { parseGeneration } from '../generation.ts';
import { readSafetensorsHeader } from '../safetensors.ts';
import type { TensorDType } from '../safetensors.ts';
import { unpackAwq } from './awq.ts';
import { unpackAlongRows } from './gptq.ts';

type Given = readonly [TensorDType, readonly number[], ArrayBufferView];

/** A checkpoint of these tensors with this quantization_config. */
function checkpointOf(
  tensors: Readonly<Record<string, Given>>,
  quantization: JsonRecord,
): Checkpoint {
  const bytes = encodeSafetensors(
    Object.entries(tensors).map(([name, [dtype, shape, view]]) => {
      const { buffer, byteOffset, byteLength } = view;
      return { name, dtype, shape, bytes: new Uint8Array(buffer, byteOffset, byteLength) };
    }),
  );
  return createCheckpoint({
    folder: 'model',
    config: { quantization_config: quantization },
    generation: parseGeneration({}, {}, 'generation_config.json'),
    tensors: readSafetensorsHeader(memorySource('w.safetensors', bytes)),
  });
}

const isNaNCode = (code: number): boolean => (code & 0x7f) === 0x7f;
const bytes = (length: number, of: (i: number) => number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => of(i));

const V4 = { quant_method: 'fp8', weight_block_size: [128, 128], scale_fmt: 'ue8m0' };

test('fp8 with e8m0 scales: every code times every power that leaves it finite', () => {
  const powers = 246; // up to 2^118: 448 · 2^119 is beyond f32
  const codes = bytes(powers * 256, (i) => (isNaNCode(i & 255) ? 0 : i & 255));
  const scales = bytes(powers * 8, (i) => i >> 3);
  const checkpoint = checkpointOf(
    {
      'w.weight': ['F8_E4M3', [powers, 256], codes],
      'w.scale': ['F8_E8M0', [powers, 8], scales],
    },
    V4,
  );
  const expected = Float32Array.from(codes, (code, i) => e4m3(code) * 2 ** ((i >> 8) - 127));
  assert.deepEqual(checkpoint.readF32('w.weight', [powers, 256]), expected);
});

test('fp8 with f32 scales: every code is rounded to f32 once', () => {
  const scale = Math.fround(1 / 3);
  for (const block of [128, 32]) {
    const codes = bytes(256 * 256, (i) => (isNaNCode(i & 255) ? 1 : i & 255));
    const grid = 256 / block;
    const scales = Float32Array.from({ length: grid * grid }, (_, i) => Math.fround(scale + i));
    const checkpoint = checkpointOf(
      {
        'w.weight': ['F8_E4M3', [256, 256], codes],
        'w.weight_scale_inv': ['F32', [grid, grid], scales],
      },
      { quant_method: 'fp8', weight_block_size: [block, block] },
    );
    const expected = Float32Array.from(codes, (code, i) => {
      const [row, column] = [i >> 8, i & 255];
      return e4m3(code) * scales[Math.floor(row / block) * grid + Math.floor(column / block)]!;
    });
    assert.deepEqual(checkpoint.readF32('w.weight'), expected);
  }
});

test('mxfp4: every byte times every power that leaves it finite, the even element in the low nibble', () => {
  const powers = 253; // up to 2^125: 6 · 2^126 is beyond f32
  const codes = bytes(powers * 256, (i) => i & 255);
  const scales = bytes(powers * 16, (i) => i >> 4);
  const expected = Float32Array.from({ length: powers * 512 }, (_, i) => {
    const byte = (i >> 1) & 255;
    return e2m1(i & 1 ? byte >> 4 : byte & 15) * 2 ** ((i >> 9) - 127);
  });
  const spellings: [string, string, TensorDType, JsonRecord][] = [
    ['w.weight', 'w.scale', 'F8_E8M0', V4],
    ['w.weight', 'w.weight_scale', 'U8', QUARK],
    ['w.weight_packed', 'w.weight_scale', 'U8', PACKED_MXFP4],
  ];
  for (const [weight, scale, dtype, quantization] of spellings) {
    const checkpoint = checkpointOf(
      { [weight]: ['U8', [powers, 256], codes], [scale]: [dtype, [powers, 16], scales] },
      quantization,
    );
    assert.deepEqual(checkpoint.readF32('w.weight', [powers, 512]), expected);
  }
});

const QUARK = {
  quant_method: 'quark',
  global_quant_config: { weight: { dtype: 'fp4', group_size: 32, scale_format: 'e8m0' } },
};
const PACKED_MXFP4 = { quant_method: 'compressed-tensors', format: 'mxfp4-pack-quantized' };
const MODELOPT = { quant_method: 'modelopt', quant_algo: 'NVFP4' };

test('nvfp4: every byte times every scale, and the number of the matrix', () => {
  const codes = bytes(256 * 256, (i) => i & 255);
  const scales = bytes(256 * 32, (i) => (isNaNCode(i >> 5) ? 0 : i >> 5));
  const number = Math.fround(0.0123456);
  const tensors: Record<string, Given> = {
    'w.weight': ['U8', [256, 256], codes],
    'w.weight_scale': ['F8_E4M3', [256, 32], scales],
    'w.weight_scale_2': ['F32', [], Float32Array.of(number)],
  };
  const found = checkpointOf(tensors, MODELOPT).readF32('w.weight', [256, 512]);
  const expected = Float32Array.from({ length: 256 * 512 }, (_, i) => {
    const byte = (i >> 1) & 255;
    const row = i >> 9;
    return number * (e2m1(i & 1 ? byte >> 4 : byte & 15) * (isNaNCode(row) ? 0 : e4m3(row)));
  });
  assert.deepEqual(
    found.map((x) => x + 0),
    expected.map((x) => x + 0),
  ); // no matter which zero
});

test('modelopt fp8 has one scale for the matrix', () => {
  const tensors: Record<string, Given> = {
    'w.weight': ['F8_E4M3', [1, 2], Uint8Array.of(0x38, 0xc0)],
    'w.weight_scale': ['F32', [], Float32Array.of(3)],
  };
  const checkpoint = checkpointOf(tensors, { quant_method: 'modelopt', quant_algo: 'FP8' });
  assert.deepEqual(checkpoint.readF32('w.weight'), Float32Array.of(3, -6));
});

test('int8: every code, with the scale of its channel', () => {
  const codes = Int8Array.from({ length: 512 }, (_, i) => i - 128);
  const scales = Float32Array.of(0.3, 7);
  const expected = Float32Array.from(codes, (code, i) => code * scales[i >> 8]!);
  const w8a8 = { quant_method: 'ascend', model_quant_type: 'W8A8_DYNAMIC' };
  const tensors: Record<string, Given> = {
    'w.weight': ['I8', [2, 256], codes],
    'w.weight_scale': ['F32', [2, 1], scales],
    'w.weight_offset': ['F32', [2, 1], new Float32Array(2)],
  };
  const checkpoint = checkpointOf(tensors, w8a8);
  assert.deepEqual(checkpoint.readF32('w.weight'), expected);
  assert.match(checkpoint.note!, /int8 activations, which are not simulated/);
  assert.equal(checkpoint.storedNames('w.weight').length, 3);
  const shifted = {
    ...tensors,
    'w.weight_offset': ['F32', [2, 1], Float32Array.of(0, 4)] as Given,
  };
  assert.throws(() => checkpointOf(shifted, w8a8).readF32('w.weight'), {
    name: UnsupportedError.name,
    message: 'offsets of weights must be 0, not 4',
  });
});

test('compressed-tensors fp8 has scales for channels, or for the blocks that its settings name', () => {
  const codes = bytes(4 * 6, (i) => 0x38 + 8 * (i & 3)); // 1, 2, 4, 8
  const values = Float32Array.from(codes, (code) => e4m3(code));
  const settings = { quant_method: 'compressed-tensors', format: 'float-quantized' };
  const weight = ['F8_E4M3', [4, 6], codes] as const;
  const channels = Float32Array.of(1, 3, 5, 7);
  const byChannel = checkpointOf(
    { 'w.weight': weight, 'w.weight_scale': ['F32', [4, 1], channels] },
    settings,
  );
  const expected = values.map((value, i) => value * channels[Math.floor(i / 6)]!);
  assert.deepEqual(byChannel.readF32('w.weight'), expected);
  const blocks = Float32Array.of(1, 3, 5, 7);
  const weights = { num_bits: 8, type: 'float', strategy: 'block', block_structure: [2, 4] };
  const byBlock = checkpointOf(
    { 'w.weight': weight, 'w.weight_scale': ['F32', [2, 2], blocks] },
    { ...settings, config_groups: { group_0: { weights } } },
  );
  const ofBlock = (i: number): number => 2 * Math.floor(i / 12) + Math.floor((i % 6) / 4);
  const inBlocks = values.map((value, i) => value * blocks[ofBlock(i)]!);
  assert.deepEqual(byBlock.readF32('w.weight'), inBlocks);
});

test('packed integers may have their columns in groups of any order', () => {
  const tensors: Record<string, Given> = {
    'w.weight_packed': ['I32', [1, 1], Uint32Array.of(0x76543210)], // −8 to −1
    'w.weight_scale': ['F32', [1, 2], Float32Array.of(1, 100)],
    'w.weight_shape': ['I64', [2], BigInt64Array.of(1n, 8n)],
    'w.weight_g_idx': ['I32', [8], Int32Array.of(1, 0, 0, 1, 0, 1, 1, 0)],
  };
  const settings = {
    quant_method: 'compressed-tensors',
    format: 'pack-quantized',
    config_groups: { group_0: { weights: { num_bits: 4 }, input_activations: { num_bits: 8 } } },
  };
  const checkpoint = checkpointOf(tensors, settings);
  const expected = Float32Array.of(-800, -7, -6, -500, -4, -300, -200, -1);
  assert.deepEqual(checkpoint.readF32('w.weight', [1, 8]), expected);
  assert.match(checkpoint.note!, /quantised activations, which are not simulated/);
});

test('awq: each nibble of a word is the channel that its packing puts there', () => {
  for (const [nibble, channel] of [0, 2, 4, 6, 1, 3, 5, 7].entries()) {
    for (let code = 0; code < 16; code++) {
      const codes = [...unpackAwq(Uint32Array.of(code * 16 ** nibble), 1, 0, 8)];
      assert.deepEqual(
        codes,
        Array.from({ length: 8 }, (_, i) => (i === channel ? code : 0)),
      );
    }
  }
});

test('gptq: words hold the codes of successive elements, the first in the lowest bits', () => {
  for (const bits of [2, 4, 8]) {
    const perWord = 32 / bits;
    for (let k = 0; k < perWord; k++) {
      for (let code = 0; code < 2 ** bits; code++) {
        const codes = unpackAlongRows(Uint32Array.of(0, code * 2 ** (bits * k)), 2, bits);
        assert.equal(codes[2 * k + 1], code);
        assert.equal(
          codes.reduce((sum, x) => sum + x, 0),
          code,
        );
      }
    }
  }
});

test('gptq: version 1 adds one to the zero point after masking, version 2 adds none', () => {
  const tensors: Record<string, Given> = {
    'w.qweight': ['I32', [1, 8], Int32Array.from({ length: 8 }, () => 0x76543210)],
    'w.qzeros': ['I32', [1, 1], Uint32Array.of(0xfedcba98)],
    'w.scales': ['F16', [1, 8], Uint16Array.from({ length: 8 }, () => 0x3c00)],
  };
  for (const [version, addend] of [
    ['gptq', 1],
    ['gptq_v2', 0],
  ] as const) {
    const quantization = {
      quant_method: 'gptq',
      bits: 4,
      group_size: -1,
      checkpoint_format: version,
    };
    const found = checkpointOf(tensors, quantization).readF32('w.weight', [8, 8]);
    const expected = Float32Array.from({ length: 64 }, (_, i) => (i & 7) - (8 + (i >> 3) + addend));
    assert.deepEqual(found, expected);
  }
});

test('what does not belong together is refused with the tensor that is wrong', () => {
  const word = ['I32', [1, 8], new Int32Array(8)] as const;
  const scales = ['F16', [1, 8], new Uint16Array(8)] as const;
  const zeros = ['I32', [1, 1], new Int32Array(1)] as const;
  const gptq = { quant_method: 'gptq', bits: 4, group_size: 8 };
  const refused: [Record<string, Given>, JsonRecord, RegExp][] = [
    [{ 'w.qweight': word }, gptq, /must hold tensor w.qzeros, but it is absent/],
    [
      { 'w.qweight': word, 'w.qzeros': zeros, 'w.scales': scales },
      { ...gptq, group_size: 4 },
      /w.scales must have shape \[2, 8\], not \[1, 8\]/,
    ],
    [
      {
        'w.qweight': word,
        'w.qzeros': zeros,
        'w.scales': scales,
        'w.g_idx': ['I32', [8], Int32Array.of(0, 0, 0, 1, 0, 0, 0, 0)],
      },
      gptq,
      /belong to one of the 1 groups, not to 1/,
    ],
    [
      { 'w.qweight': ['F32', [1, 8], new Float32Array(8)], 'w.qzeros': zeros, 'w.scales': scales },
      gptq,
      /must be stored as I32, not F32/,
    ],
    [
      {
        'w.weight': ['U8', [1, 16], new Uint8Array(16)],
        'w.weight_scale': ['F8_E4M3', [1, 2], new Uint8Array(2)],
        'w.weight_scale_2': ['F32', [2], new Float32Array(2)],
      },
      MODELOPT,
      /w.weight_scale_2 must have one element, not \[2\]/,
    ],
    [
      {
        'w.weight': ['I8', [2, 6], new Int8Array(12)],
        'w.weight_scale': ['F32', [2, 4], new Float32Array(8)],
      },
      { quant_method: 'compressed-tensors', format: 'int-quantized' },
      /w.weight_scale must have 2 rows or one, and columns that divide 6/,
    ],
  ];
  for (const [tensors, quantization, message] of refused) {
    assert.throws(() => checkpointOf(tensors, quantization).readF32('w.weight'), message);
  }
});

test('settings of a known method that are not supported are named', () => {
  const refused: [JsonRecord, RegExp][] = [
    [
      { quant_method: 'awq', bits: 8, version: 'gemv' },
      /bits must be 4, not 8; .*version must be "gemm", not "gemv"/,
    ],
    [
      { quant_method: 'gptq', bits: 4, checkpoint_format: 'marlin' },
      /"gptq" or "gptq_v2", not "marlin"/,
    ],
    [
      { quant_method: 'compressed-tensors', format: 'marlin-24' },
      /format must be one of .*, not "marlin-24"/,
    ],
    [
      { quant_method: 'compressed-tensors', format: 'int-quantized', transform_config: { a: 1 } },
      /transforms of activations/,
    ],
    [
      {
        quant_method: 'compressed-tensors',
        format: 'int-quantized',
        sparsity_config: { format: 'sparse-24-bitmask' },
      },
      /sparse weights/,
    ],
    [{ quant_method: 'modelopt', quant_algo: 'W4A8_AWQ' }, /quant_algo must be one of NVFP4/],
    [
      { quant_method: 'quark', global_quant_config: { weight: { dtype: 'int4', group_size: 64 } } },
      /dtype must be "fp4", not "int4"; .*group_size must be 32/,
    ],
    [{ quant_method: 'ascend', model_quant_type: 'W4A8' }, /model_quant_type must be one of W8A8/],
    [{ quant_method: 'mxfp4' }, /quant_method must be one of fp8, .*, not "mxfp4"/],
  ];
  for (const [quantization, message] of refused) {
    assert.throws(
      () => checkpointOf({}, quantization),
      (error) => {
        assert.ok(error instanceof UnsupportedError && !(error instanceof FormatError));
        assert.match(error.message, message);
        return true;
      },
    );
  }
});

/** Writers of the formats in docs/formats.md: a matrix to the tensors of a file, and to the values they stand for. */
import { encodeE8M0, encodeF8E4M3, f32ToF16, type JsonRecord } from '../../src/base/index.ts';
import type { TensorBytes } from '../../src/model/checkpoint/encodeSafetensors.ts';
import {
  E2M1,
  e4m3Times,
  E4M3,
  encodeBlocks,
  encodeShifted,
  f32,
  INT4,
  INT8,
  powerOfTwo,
  type Matrix,
} from './blocks.ts';

export interface Encoded {
  readonly tensors: readonly TensorBytes[];
  readonly values: Float32Array;
}

export interface Writer {
  /** Of `quant_method`, and what is special. */
  readonly name: string;
  readonly settings: JsonRecord;
  /** Whether the format can hold a matrix of these extents; others stay as they are. */
  readonly fits?: (out: number, width: number) => boolean;
  /** `module` is the name without `.weight`. */
  readonly encode: (module: string, matrix: Matrix) => Encoded;
}

type Tensor = readonly [TensorBytes['dtype'], readonly number[], ArrayBufferView];

function encoded(
  module: string,
  values: Float32Array,
  tensors: Readonly<Record<string, Tensor>>,
): Encoded {
  const all = Object.entries(tensors).map(([name, [dtype, shape, view]]) => {
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    return { name: `${module}.${name}`, dtype, shape, bytes };
  });
  return { values, tensors: all };
}

const exponents = (scales: Float64Array): Uint8Array => Uint8Array.from(scales, encodeE8M0);

type Block = readonly [number, number];

function fp8({ block, scale }: { block: Block; scale: 'weight_scale_inv' | 'scale' }): Writer {
  const inverse = scale === 'weight_scale_inv';
  return {
    name: `fp8 in blocks of ${block[0]}, ${inverse ? 'F32' : 'E8M0'} scales`,
    settings: { quant_method: 'fp8', fmt: 'e4m3', weight_block_size: block },
    encode(module, matrix) {
      const { out, width } = matrix;
      const round = inverse ? f32 : powerOfTwo;
      const { codes, scales, grid, values } = encodeBlocks(matrix, block, E4M3, round);
      return encoded(module, values, {
        weight: ['F8_E4M3', [out, width], Uint8Array.from(codes)],
        [scale]: inverse
          ? ['F32', grid, Float32Array.from(scales)]
          : ['F8_E8M0', grid, exponents(scales)],
      });
    },
  };
}

/** Two nibbles a byte, the even element in the low one. */
function pairs(codes: readonly number[]): Uint8Array {
  return Uint8Array.from({ length: codes.length / 2 }, (_, i) => {
    return (codes[2 * i]! & 15) | ((codes[2 * i + 1]! & 15) << 4);
  });
}

function mxfp4(module: string, matrix: Matrix, names: { scale: string; dtype: 'F8_E8M0' | 'U8' }) {
  const { codes, scales, grid, values } = encodeBlocks(matrix, [1, 32], E2M1, powerOfTwo);
  return encoded(module, values, {
    weight: ['U8', [matrix.out, matrix.width / 2], pairs(codes)],
    [names.scale]: [names.dtype, grid, exponents(scales)],
  });
}

const V4_BLOCKS = fp8({ block: [128, 128], scale: 'scale' });

/** As DeepSeek-V4 is published: routed experts in MXFP4, the rest in FP8. */
const V4: Writer = {
  name: 'fp8 with routed experts in mxfp4',
  settings: { ...V4_BLOCKS.settings, scale_fmt: 'ue8m0' },
  encode: (module, matrix) =>
    module.includes('.experts.')
      ? mxfp4(module, matrix, { scale: 'scale', dtype: 'F8_E8M0' })
      : V4_BLOCKS.encode(module, matrix),
};

/** Words of eight nibbles, nibble `order[k]` for the k-th of eight codes. */
function words(codes: readonly number[], order: readonly number[]): Uint32Array {
  return Uint32Array.from({ length: codes.length / 8 }, (_, i) =>
    order.reduce((word, nibble, k) => word + (codes[8 * i + k]! & 15) * 16 ** nibble, 0),
  );
}

const IN_ORDER = [0, 1, 2, 3, 4, 5, 6, 7];
const AWQ_ORDER = [0, 4, 1, 5, 2, 6, 3, 7];
const GROUP = 8;
const inWords = (out: number, width: number): boolean => out % 8 === 0 && width % 8 === 0;

function transposed<T>(all: readonly T[], columns: number): T[] {
  const rows = all.length / columns;
  return all.map((_, i) => all[(i % rows) * columns + Math.floor(i / rows)]!);
}

const AWQ: Writer = {
  name: 'awq',
  settings: { quant_method: 'awq', bits: 4, group_size: GROUP, version: 'gemm', zero_point: true },
  fits: inWords,
  encode(module, matrix) {
    const { out, width } = matrix;
    const groups = width / GROUP;
    const { codes, zeros, scales, values } = encodeShifted(matrix, GROUP);
    const halves = f32ToF16(Float32Array.from(transposed([...scales], groups)));
    return encoded(module, values, {
      qweight: ['I32', [width, out / 8], words(transposed(codes, width), AWQ_ORDER)],
      qzeros: ['I32', [groups, out / 8], words(transposed(zeros, groups), AWQ_ORDER)],
      scales: ['F16', [groups, out], halves],
    });
  },
};

const GPTQ: Writer = {
  name: 'gptq',
  settings: { quant_method: 'gptq', bits: 4, group_size: GROUP, checkpoint_format: 'gptq' },
  fits: inWords,
  encode(module, matrix) {
    const { out, width } = matrix;
    const groups = width / GROUP;
    const { codes, zeros, scales, values } = encodeShifted(matrix, GROUP);
    const stored = zeros.map((zero) => zero - 1);
    const packed = words(codes, IN_ORDER); // [out, width / 8]
    const halves = f32ToF16(Float32Array.from(transposed([...scales], groups)));
    const order = Int32Array.from({ length: width }, (_, i) => Math.floor(i / GROUP));
    return encoded(module, values, {
      qweight: ['I32', [width / 8, out], Uint32Array.from(transposed([...packed], width / 8))],
      qzeros: ['I32', [groups, out / 8], words(transposed(stored, groups), IN_ORDER)],
      scales: ['F16', [groups, out], halves],
      g_idx: ['I32', [width], order],
    });
  },
};

const PACKED: Writer = {
  name: 'compressed-tensors',
  settings: { quant_method: 'compressed-tensors', format: 'pack-quantized', config_groups: {} },
  fits: inWords,
  encode(module, matrix) {
    const { out, width } = matrix;
    const { codes, scales, grid, values } = encodeBlocks(matrix, [1, GROUP], INT4, f32);
    const shifted = codes.map((code) => code + 8);
    return encoded(module, values, {
      weight_packed: ['I32', [out, width / 8], words(shifted, IN_ORDER)],
      weight_scale: ['F32', grid, Float32Array.from(scales)],
      weight_shape: ['I64', [2], BigInt64Array.of(BigInt(out), BigInt(width))],
    });
  },
};

const NVFP4: Writer = {
  name: 'modelopt',
  settings: { quant_method: 'modelopt', quant_algo: 'NVFP4' },
  fits: (_, width) => width % 16 === 0,
  encode(module, matrix) {
    const peak = matrix.values.reduce((most, x) => Math.max(most, Math.abs(x)), 2 ** -20);
    const factor = Math.fround(peak / (6 * 448));
    const round = e4m3Times(factor);
    const { codes, scales, grid, values } = encodeBlocks(matrix, [1, 16], E2M1, round);
    return encoded(module, values, {
      weight: ['U8', [matrix.out, matrix.width / 2], pairs(codes)],
      weight_scale: ['F8_E4M3', grid, Uint8Array.from(scales, (x) => encodeF8E4M3(x / factor))],
      weight_scale_2: ['F32', [], Float32Array.of(factor)],
    });
  },
};

const QUARK: Writer = {
  name: 'quark',
  settings: {
    quant_method: 'quark',
    global_quant_config: { weight: { dtype: 'fp4', group_size: 32, scale_format: 'e8m0' } },
  },
  fits: (_, width) => width % 2 === 0,
  encode: (module, matrix) => mxfp4(module, matrix, { scale: 'weight_scale', dtype: 'U8' }),
};

const ASCEND: Writer = {
  name: 'ascend',
  settings: { quant_method: 'ascend', model_quant_type: 'W8A8_DYNAMIC' },
  encode(module, matrix) {
    const { out, width } = matrix;
    const { codes, scales, values } = encodeBlocks(matrix, [1, width], INT8, f32);
    return encoded(module, values, {
      weight: ['I8', [out, width], Int8Array.from(codes)],
      weight_scale: ['F32', [out, 1], Float32Array.from(scales)],
      weight_offset: ['F32', [out, 1], new Float32Array(out)],
    });
  },
};

export const WRITERS: readonly Writer[] = [
  fp8({ block: [128, 128], scale: 'weight_scale_inv' }),
  fp8({ block: [32, 32], scale: 'scale' }),
  V4,
  AWQ,
  GPTQ,
  PACKED,
  NVFP4,
  QUARK,
  ASCEND,
];

/**
 * GGUF files of random weights, for speed alone: `writeRandomGguf` streams them, so that a file may be
 * larger than memory.
 */
import fs from 'node:fs';
import { f32ToBf16, f32ToF16, Random, type JsonRecord } from '../../src/base/index.ts';
import { parseModelConfig, readCatalogueModel } from '../../src/model/index.ts';
import { ggufNameOf } from '../../src/model/checkpoint/gguf/locate.ts';
import { tensorsOf, type Tensor } from '../../scripts/randomCheckpoint.ts';
import { ALIGNMENT, encodeGgufHeader, type GgufTensorInfo } from '../../test/gguf/encodeGguf.ts';
import { metadataOf } from './metadata.ts';
import type { Shape } from './shapes.table.ts';

/** How matrices are stored; vectors and small tensors are F32, matrices whose rows are no whole blocks Q8_0. */
export const MATRIX_TYPES = {
  F16: { type: 1, elements: 1, bytes: 2 },
  Q4_0: { type: 2, elements: 32, bytes: 18, scales: [0], steps: 16 },
  Q5_0: { type: 6, elements: 32, bytes: 22, scales: [0], steps: 32 },
  Q8_0: { type: 8, elements: 32, bytes: 34, scales: [0], steps: 256 },
  Q4_K: { type: 12, elements: 256, bytes: 144, scales: [0, 2], steps: 16 * 32 },
  Q5_K: { type: 13, elements: 256, bytes: 176, scales: [0, 2], steps: 32 * 32 },
  Q6_K: { type: 14, elements: 256, bytes: 210, scales: [208], steps: 64 * 64 },
  BF16: { type: 30, elements: 1, bytes: 2 },
} as const satisfies Readonly<Record<string, MatrixLayout>>;
export type MatrixType = keyof typeof MATRIX_TYPES;

interface MatrixLayout {
  /** Its number in the file. */
  readonly type: number;
  /** Of a block. */
  readonly elements: number;
  readonly bytes: number;
  /** Of blocks: where their f16 scales are, and how many of these are about the whole range of a weight. */
  readonly scales?: readonly number[];
  readonly steps?: number;
}

const F32 = { type: 0, elements: 1, bytes: 4 } as const;
/** Weights are about as large as those of models before training. */
const DEVIATION = 0.02;
/** Bytes drawn at once; matrices repeat them. */
const POOL_BLOCKS = 1 << 15;

/** Writes the file of a shape; the same seed writes the same bytes. */
export function writeRandomGguf(shape: Shape, type: MatrixType, file: string, seed = 1): void {
  const config = configOf(shape);
  const tensors = ggufTensors(shape, config);
  const infos = tensors.map((tensor) => infoOf(tensor, type));
  const pools = poolsOf(type, new Random(seed));
  const out = fs.openSync(file, 'w');
  try {
    fs.writeSync(out, encodeGgufHeader(metadataOf(shape, config), infos));
    for (const info of infos) writeTensor(out, info, poolFor(info, pools));
  } finally {
    fs.closeSync(out);
  }
}

/** The published configuration of the text model, with the changes of the shape. */
function configOf({ published, changes }: Shape): JsonRecord {
  const { raw } = readCatalogueModel(published);
  return { ...raw, ...(raw['text_config'] as JsonRecord | undefined), ...changes };
}

/** The tensors that the graph of the model asks for, under the names and in the parts of GGUF. */
function ggufTensors({ architecture }: Shape, config: JsonRecord): Tensor[] {
  const renamed = new Map<string, readonly number[]>();
  for (const { name, shape } of tensorsOf(parseModelConfig(config, 'config.json'))) {
    if (name.endsWith('kv_b_proj.weight')) {
      for (const part of latentParts(name, config)) renamed.set(part.name, part.shape);
      continue;
    }
    const own = ggufNameOf(name, architecture)!;
    const expert = /\.experts\.(\d+)\./.exec(name)?.[1];
    const count = Number(expert) + 1;
    renamed.set(own, expert === undefined ? convolution(shape) : [count, ...shape]);
  }
  return [...renamed].map(([name, shape]) => ({ name, shape }));
}

/** Taps are [channels, 1, taps] of Hugging Face, and [channels, taps] of GGUF. */
function convolution(shape: readonly number[]): readonly number[] {
  return shape.length === 3 ? [shape[0]!, shape[2]!] : shape;
}

/** kv_b_proj in its halves. */
function latentParts(name: string, config: JsonRecord): Tensor[] {
  const layer = /\.(\d+)\./.exec(name)![1];
  const number = (field: string): number => config[field] as number;
  const [heads, rank] = [number('num_attention_heads'), number('kv_lora_rank')];
  return [
    { name: `blk.${layer}.attn_k_b.weight`, shape: [heads, rank, number('qk_nope_head_dim')] },
    { name: `blk.${layer}.attn_v_b.weight`, shape: [heads, number('v_head_dim'), rank] },
  ];
}

/** Routers and taps are stored in F32 as vectors are, by llama.cpp's converter too. */
const ALWAYS_F32 = /ffn_gate_inp|ssm_conv1d/;

function infoOf({ name, shape }: Tensor, matrixType: MatrixType): GgufTensorInfo {
  const small = shape.length < 2 || ALWAYS_F32.test(name);
  const { type, elements, bytes } = small ? F32 : layoutFor(matrixType, shape.at(-1)!);
  const count = shape.reduce((product, extent) => product * extent, 1);
  return { name, shape, type, sizeBytes: (count / elements) * bytes };
}

function layoutFor(matrixType: MatrixType, width: number): MatrixLayout {
  const layout = MATRIX_TYPES[matrixType];
  return width % layout.elements === 0 ? layout : MATRIX_TYPES.Q8_0;
}

/** Random bytes of each kind that a file has, to be repeated. */
function poolsOf(matrixType: MatrixType, random: Random) {
  const values = Float32Array.from({ length: POOL_BLOCKS }, () => gain(random));
  const negative = new Uint8Array(values.map((value) => -value).buffer);
  const vectors = new Uint8Array(values.buffer);
  const matrix = matrixPool(matrixType, random);
  return { vectors, negative, matrix, uneven: matrixPool('Q8_0', random), matrixType };
}

/** Decays of delta rules are below 0. */
function poolFor({ name, type }: GgufTensorInfo, pools: ReturnType<typeof poolsOf>): Uint8Array {
  if (type === MATRIX_TYPES[pools.matrixType].type) return pools.matrix;
  if (type !== F32.type) return pools.uneven;
  return name.endsWith('ssm_a') ? pools.negative : pools.vectors;
}

/** From 0.9 to 1.1. */
function gain(random: Random): number {
  return 0.9 + (0.2 * random.uint32()) / 2 ** 32;
}

/** Blocks whose scales are all the same, and codes that are uniform; or single numbers. */
function matrixPool(matrixType: MatrixType, random: Random): Uint8Array {
  const { bytes, scales, steps = 1 }: MatrixLayout = MATRIX_TYPES[matrixType];
  const scale = (DEVIATION * Math.sqrt(12)) / steps;
  if (scales === undefined) {
    const uniform = { length: POOL_BLOCKS * 32 };
    const values = Float32Array.from(uniform, () => (random.uint32() / 2 ** 32 - 0.5) * scale);
    const bits = matrixType === 'BF16' ? f32ToBf16(values) : f32ToF16(values);
    return new Uint8Array(bits.buffer);
  }
  const pool = Uint8Array.from({ length: POOL_BLOCKS * bytes }, () => random.uint32() >>> 24);
  const half = new Uint8Array(f32ToF16(Float32Array.of(scale)).buffer);
  for (let block = 0; block < POOL_BLOCKS; block++)
    for (const at of scales) pool.set(half, block * bytes + at);
  return pool;
}

function writeTensor(out: number, { sizeBytes }: GgufTensorInfo, pool: Uint8Array): void {
  for (let at = 0; at < sizeBytes; at += pool.length)
    fs.writeSync(out, pool, 0, Math.min(pool.length, sizeBytes - at));
  const rest = sizeBytes % ALIGNMENT;
  if (rest > 0) fs.writeSync(out, new Uint8Array(ALIGNMENT - rest));
}

/**
 * Weights of `qwen3next`, `qwen35` and `qwen35moe` as Hugging Face has them, undone from what llama.cpp's
 * converter did [1]:
 *
 *   norms, but the one inside the delta rule     1 + w
 *   linear_attn.A_log                            −exp(A_log)
 *   linear_attn.conv1d.weight                    [channels, taps], not [channels, 1, taps]
 *   mlp.shared_expert_gate.weight                perhaps [width], not [1, width]
 *   value heads of the delta rule, qwen35 only   tiled: head j of key head k at j · keyHeads + k, not k · r + j
 *   linear_attn.in_proj_qkvz, qwen3next only     in two tensors, each part of all key heads together
 *
 * [1] https://github.com/ggml-org/llama.cpp, conversion/qwen.py, Qwen3NextModel and _LinearAttentionVReorderBase
 */
import type { StoredRows } from '../../../ir/index.ts';
import { elementCount } from '../safetensors.ts';
import type { StoredTensor } from '../safetensors.ts';
import { permuteStoredBlocks, permuteStoredRows } from '../storedRows.ts';
import { rowCount, rowWidth } from '../weight.ts';
import type { Weight } from '../weight.ts';
import { ggmlTypeOf } from './ggmlTypes.table.ts';
import { ggufWeight } from './ggufWeight.ts';
import type { ModelMetadata } from './metadata.ts';
import { wrongShape } from './tensors.ts';
import type { Tensors } from './tensors.ts';

/** The heads of the delta rule. */
interface DeltaHeads {
  readonly keyHeads: number;
  readonly valueHeads: number;
  readonly keyWidth: number;
  readonly valueWidth: number;
  /** Whether the file has value heads in another order. */
  readonly tiled: boolean;
}

type MapIndex = (index: number) => number;

/** The weight `name` with Hugging Face's values and shape. */
export function restoreHybridWeight(name: string, weight: Weight, m: ModelMetadata): Weight {
  const heads = headsOf(m);
  if (name.endsWith('norm.weight')) {
    return name.endsWith('linear_attn.norm.weight') ? weight : mapValues(weight, (w) => w - 1);
  }
  if (name.endsWith('.shared_expert_gate.weight')) {
    return { ...weight, ...oneRow(weight) };
  }
  const module = /\.linear_attn\.(\w+)/.exec(name)?.[1];
  if (module === undefined || heads === undefined) return weight;
  return restoreDeltaWeight(module, weight, heads);
}

function restoreDeltaWeight(module: string, weight: Weight, heads: DeltaHeads): Weight {
  const { keyHeads, keyWidth, valueWidth } = heads;
  const ofHead = tiledFrom(0, 1, heads);
  switch (module) {
    case 'A_log':
      return mapValues(permuteRows(weight, ofHead), (a) => Math.log(-a));
    case 'dt_bias':
    case 'in_proj_a':
    case 'in_proj_b':
      return permuteRows(weight, ofHead);
    case 'in_proj_z':
      return permuteRows(weight, tiledFrom(0, valueWidth, heads));
    case 'in_proj_qkv':
      return permuteRows(weight, tiledFrom(2 * keyHeads * keyWidth, valueWidth, heads));
    case 'conv1d': {
      const rows = permuteRows(weight, tiledFrom(2 * keyHeads * keyWidth, valueWidth, heads));
      return { ...rows, shape: [rowCount(weight.shape), 1, rowWidth(weight.shape)] };
    }
    case 'out_proj':
      return permuteColumnHeads(weight, valueWidth, tiledFrom(0, 1, heads));
    default:
      return weight;
  }
}

/** Undefined where metadata lacks them. A file may say that it kept the order of value heads. */
function headsOf(m: ModelMetadata): DeltaHeads | undefined {
  const keyHeads = m.number('ssm.group_count');
  const valueHeads = m.number('ssm.time_step_rank');
  const [keyWidth, inner] = [m.number('ssm.state_size'), m.number('ssm.inner_size')];
  const tiled = m.architecture !== 'qwen3next' && m.get('ssm.v_head_reordered') !== false;
  if (!keyHeads || !valueHeads || !keyWidth || !inner) return undefined;
  return { keyHeads, valueHeads, keyWidth, valueWidth: inner / valueHeads, tiled };
}

/** Where the file has index i of heads of `width` that start at `start`; what is before stays. */
function tiledFrom(start: number, width: number, heads: DeltaHeads): MapIndex {
  const { keyHeads, valueHeads, tiled } = heads;
  if (!tiled) return (index) => index;
  const perKey = valueHeads / keyHeads;
  return (index) => {
    if (index < start) return index;
    const head = Math.floor((index - start) / width);
    const tile = (head % perKey) * keyHeads + Math.floor(head / perKey);
    return start + tile * width + ((index - start) % width);
  };
}

/**
 * in_proj_qkvz, head by head query, key, values and gates, from the queries, keys and values of all heads
 * in one tensor and the gates in another; files made before 2025-12 have it whole.
 */
export function fusedKeyHeads(
  name: string,
  tensors: Tensors,
  m: ModelMetadata,
): Weight | undefined {
  const layer = /^model\.layers\.(\d+)\.linear_attn\.in_proj_qkvz\.weight$/.exec(name)?.[1];
  const mixed = tensors.get(`blk.${layer}.attn_qkv.weight`);
  const gates = tensors.get(`blk.${layer}.attn_gate.weight`);
  const heads = headsOf(m);
  if (mixed === undefined || gates === undefined || heads === undefined) return undefined;
  const { keyHeads, keyWidth: K, valueHeads, valueWidth } = heads;
  const V = (valueHeads / keyHeads) * valueWidth;
  const rows = keyHeads * 2 * (K + V);
  const [mixedRows, gateRows] = [keyHeads * (2 * K + V), keyHeads * V];
  const width = rowWidth(mixed.shape);
  requireRows(mixed, mixedRows, width);
  requireRows(gates, gateRows, width);
  const [a, b] = [ggufWeight(mixed), ggufWeight(gates)];
  const both: Weight = {
    shape: [rows, width],
    stored: [mixed, gates],
    rowBytes: Math.max(a.rowBytes, b.rowBytes),
    decodeRows: (start, out) =>
      start < mixedRows ? a.decodeRows(start, out) : b.decodeRows(start - mixedRows, out),
  };
  return permuteRows(both, (row) => {
    const [head, at] = [Math.floor(row / (2 * (K + V))), row % (2 * (K + V))];
    if (at < K) return head * K + at;
    if (at < 2 * K) return keyHeads * K + head * K + (at - K);
    if (at < 2 * K + V) return 2 * keyHeads * K + head * V + (at - 2 * K);
    return mixedRows + head * V + (at - 2 * K - V);
  });
}

function requireRows(tensor: StoredTensor<string>, rows: number, width: number): void {
  if (elementCount(tensor.shape) === rows * width && rowCount(tensor.shape) === rows) return;
  throw wrongShape(tensor, `shape [${rows}, ${width}]`);
}

function mapValues(weight: Weight, restore: (value: number) => number): Weight {
  const decodeRows = (start: number, out: Float32Array): void => {
    weight.decodeRows(start, out);
    for (let i = 0; i < out.length; i++) out[i] = restore(out[i]!);
  };
  return { ...weight, decodeRows, rows: undefined };
}

/** Rows that follow each other in the file are read together. */
function permuteRows(weight: Weight, storedRow: MapIndex): Weight {
  const width = rowWidth(weight.shape);
  const decodeRows = (start: number, out: Float32Array): void => {
    const end = start + (width === 0 ? 0 : out.length / width);
    for (let row = start; row < end;) {
      const first = storedRow(row);
      let count = 1;
      while (row + count < end && storedRow(row + count) === first + count) count++;
      const from = (row - start) * width;
      weight.decodeRows(first, out.subarray(from, from + count * width));
      row += count;
    }
  };
  const isMatrix = weight.shape.length === 2;
  const rows = isMatrix ? permuteStoredRows(weight.rows, storedRow) : undefined;
  return { ...weight, decodeRows, rows };
}

/** Heads of `headWidth` columns; where they are whole blocks, as they are stored too. */
function permuteColumnHeads(weight: Weight, headWidth: number, storedHead: MapIndex): Weight {
  const width = rowWidth(weight.shape);
  const stays = Array.from({ length: width / headWidth }, (_, head) => storedHead(head) === head);
  if (stays.every(Boolean)) return weight;
  const stored = new Float32Array(width);
  const decodeRows = (start: number, out: Float32Array): void => {
    weight.decodeRows(start, out);
    for (let at = 0; at < out.length; at += width) {
      stored.set(out.subarray(at, at + width));
      for (let first = 0; first < width; first += headWidth) {
        const from = storedHead(first / headWidth) * headWidth;
        out.set(stored.subarray(from, from + headWidth), at + first);
      }
    }
  };
  return { ...weight, decodeRows, rows: permuteStoredHeads(weight.rows, headWidth, storedHead) };
}

/** Undefined where heads are no whole blocks. */
function permuteStoredHeads(
  stored: StoredRows | undefined,
  headWidth: number,
  storedHead: MapIndex,
): StoredRows | undefined {
  if (stored === undefined) return undefined;
  const { elements, bytes } = ggmlTypeOf(stored.format);
  if (headWidth % elements !== 0) return undefined;
  return permuteStoredBlocks(stored, (headWidth / elements) * bytes, storedHead);
}

/** A vector as a matrix of one row. */
function oneRow(weight: Weight): Pick<Weight, 'shape' | 'rowBytes'> {
  const [length = 1] = weight.shape;
  if (weight.shape.length > 1) return weight;
  return { shape: [1, length], rowBytes: weight.rowBytes * length };
}

/** The up-projection of latent attention, which newer GGUF files have in two halves. */
import { readRowsF32 } from '../weight.ts';
import type { Weight } from '../weight.ts';
import { ggufWeight } from './ggufWeight.ts';
import { wrongShape } from './tensors.ts';
import type { Tensors } from './tensors.ts';

/**
 * kv_b_proj [heads · (nope + v), rank] from attn_k_b [heads, rank, nope], whose matrices are transposed,
 * and attn_v_b [heads, v, rank]. A head is decoded at a time.
 */
export function latentUpProjection(name: string, tensors: Tensors): Weight | undefined {
  const layer = /^model\.layers\.(\d+)\.self_attn\.kv_b_proj\.weight$/.exec(name)?.[1];
  const keys = tensors.get(`blk.${layer}.attn_k_b.weight`);
  const values = tensors.get(`blk.${layer}.attn_v_b.weight`);
  if (keys === undefined || values === undefined) return undefined;
  const [heads = 0, rank = 0, nope = 0] = keys.shape;
  const [valueHeads, v = 0, valueRank] = values.shape;
  if (keys.shape.length !== 3 || values.shape.length !== 3) {
    throw wrongShape(keys, `three extents, as ${values.name}`);
  }
  if (valueHeads !== heads || valueRank !== rank) {
    throw wrongShape(values, `shape [${heads}, v, ${rank}], to fit ${keys.name}`);
  }
  const keyWeight = ggufWeight(keys);
  const valueWeight = ggufWeight(values);
  const perHead = nope + v;
  const decodeRows = (start: number, out: Float32Array): void => {
    const end = start + (rank === 0 ? 0 : out.length / rank);
    for (let head = Math.floor(start / perHead); head * perHead < end; head++) {
      const rows = new Float32Array(perHead * rank);
      transpose(readRowsF32(keyWeight, head, 1), rank, nope, rows);
      rows.set(readRowsF32(valueWeight, head, 1), nope * rank);
      const first = head * perHead;
      const part = rows.subarray((Math.max(start, first) - first) * rank, (end - first) * rank);
      out.set(part, (Math.max(start, first) - start) * rank);
    }
  };
  return {
    shape: [heads * perHead, rank],
    stored: [keys, values],
    rowBytes: perHead === 0 ? 0 : (keyWeight.rowBytes + valueWeight.rowBytes) / perHead,
    decodeRows,
    parts: {
      key: { storedTransposed: keyWeight.rows },
      value: { stored: valueWeight.rows },
    },
  };
}

/** Rows × columns to columns × rows, at the start of `out`. */
function transpose(matrix: Float32Array, rows: number, columns: number, out: Float32Array): void {
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      out[column * rows + row] = matrix[row * columns + column]!;
    }
  }
}

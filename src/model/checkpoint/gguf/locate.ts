/**
 * Finds the weights of Hugging Face's names in the tensors of a GGUF file: renamed, slices of stacked
 * experts, and the up-projection of latent attention put together from its two halves.
 *
 * Rows keep their order: the converters of these architectures permute none for rotation.
 */
import { FormatError } from '../../../base/index.ts';
import { elementCount } from '../safetensors.ts';
import type { StoredTensor } from '../safetensors.ts';
import { placeOf, readRowsF32 } from '../weight.ts';
import type { Weight } from '../weight.ts';
import { ggufWeight } from './ggufWeight.ts';
import { LAYER_NAMES, LAYER_WEIGHTS, OTHER_LAYER_NAMES, ROOT_NAMES } from './names.table.ts';

type Tensors = ReadonlyMap<string, StoredTensor<string>>;

const LAYER = /^model\.layers\.(\d+)\.(.+)$/;
const EXPERT = /\.experts\.(\d+)\./;

/**
 * The weight of this name in a file of the architecture, or undefined if it has none. Throws as ggufWeight
 * does.
 */
export function locateGgufWeight(
  name: string,
  tensors: Tensors,
  architecture = '',
): Weight | undefined {
  const stored = tensors.get(ggufNameOf(name, architecture) ?? '');
  const expert = EXPERT.exec(name)?.[1];
  if (stored !== undefined) {
    return expert === undefined ? ggufWeight(stored) : expertOf(stored, Number(expert));
  }
  const layer = /^model\.layers\.(\d+)\.self_attn\.kv_b_proj\.weight$/.exec(name)?.[1];
  return layer === undefined ? undefined : latentUpProjection(`blk.${layer}`, tensors);
}

/** Name of the tensor that holds a weight, or undefined for names that GGUF does not have. */
export function ggufNameOf(name: string, architecture: string): string | undefined {
  const root = ROOT_NAMES.get(name);
  const [, layer, rest] = LAYER.exec(name) ?? [];
  if (root !== undefined || rest === undefined) return root;
  const whole = LAYER_WEIGHTS.get(rest);
  if (whole !== undefined) return `blk.${layer}.${whole}`;
  const dot = rest.lastIndexOf('.');
  const own = rest.slice(0, dot).replace(/\.experts\.\d+\./, '.experts.*.');
  const module = OTHER_LAYER_NAMES.get(architecture)?.get(own) ?? LAYER_NAMES.get(own);
  return module === undefined ? undefined : `blk.${layer}.${module}${rest.slice(dot)}`;
}

/** Slice `index` of a stack [experts, out, in]. */
function expertOf(stack: StoredTensor<string>, index: number): Weight | undefined {
  const [experts = 0, ...shape] = stack.shape;
  if (shape.length !== 2) {
    throw wrongShape(stack, 'three extents, because it holds a matrix for each expert');
  }
  return index < experts ? ggufWeight(stack, shape, index * elementCount(shape)) : undefined;
}

/**
 * kv_b_proj [heads · (nope + v), rank] from attn_k_b [heads, rank, nope], whose matrices are transposed,
 * and attn_v_b [heads, v, rank]. A head is decoded at a time.
 */
function latentUpProjection(block: string, tensors: Tensors): Weight | undefined {
  const keys = tensors.get(`${block}.attn_k_b.weight`);
  const values = tensors.get(`${block}.attn_v_b.weight`);
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

function wrongShape(tensor: StoredTensor<string>, requirement: string): FormatError {
  return new FormatError(
    `tensor ${tensor.name} must have ${requirement}, not [${tensor.shape.join(', ')}]`,
    { where: placeOf(tensor), hint: 'convert the model again with a newer llama.cpp' },
  );
}

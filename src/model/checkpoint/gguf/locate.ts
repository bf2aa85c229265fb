/**
 * Finds the weights of Hugging Face's names in the tensors of a GGUF file: renamed, and slices of stacked
 * experts.
 *
 * Rows keep their order: the converters of these architectures permute none for rotation.
 */
import { elementCount } from '../safetensors.ts';
import type { StoredTensor } from '../safetensors.ts';
import type { Weight } from '../weight.ts';
import { ggufWeight } from './ggufWeight.ts';
import { LAYER_NAMES, LAYER_WEIGHTS, OTHER_LAYER_NAMES, ROOT_NAMES } from './names.table.ts';
import { wrongShape } from './tensors.ts';
import type { Tensors } from './tensors.ts';

/** DeepSeek-V4 has no prefix. */
const LAYER = /^(?:model\.)?layers\.(\d+)\.(.+)$/;
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
  if (stored === undefined) return undefined;
  const expert = EXPERT.exec(name)?.[1];
  return expert === undefined ? ggufWeight(stored) : expertOf(stored, Number(expert));
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

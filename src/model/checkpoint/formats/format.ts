/** What a format of quantised weights is: a way to say so in config.json, and a way to lie in tensors. */
import { FormatError } from '../../../base/index.ts';
import type { JsonRecord } from '../../../base/index.ts';
import type { StoredTensor, TensorDType } from '../safetensors.ts';
import { placeOf } from '../weight.ts';
import type { Weight } from '../weight.ts';

export interface WeightFormat {
  /** What a `quantization_config` of this method asks for that is not supported, a sentence each. */
  problems(config: JsonRecord): string[];
  /** The weight `name`, or undefined if it is not stored in this format. Throws for what is stored wrongly. */
  locate(name: string, tensors: TensorSet, config: JsonRecord): Weight | undefined;
  /** What the makers of the checkpoint compute otherwise than f32 does, if anything. */
  note?(config: JsonRecord): string | undefined;
}

/** The stored tensors of a checkpoint by name. */
export class TensorSet {
  readonly #tensors: ReadonlyMap<string, StoredTensor>;
  readonly #folder: string;

  constructor(tensors: ReadonlyMap<string, StoredTensor>, folder: string) {
    this.#tensors = tensors;
    this.#folder = folder;
  }

  find(name: string): StoredTensor | undefined {
    return this.#tensors.get(name);
  }

  /** Throws FormatError when the tensor is absent. */
  require(name: string): StoredTensor {
    const tensor = this.find(name);
    if (tensor) return tensor;
    throw absent(name, this.#folder);
  }
}

/** There is no such tensor. */
export function absent(name: string, folder: string): FormatError {
  return new FormatError(`the checkpoint must hold tensor ${name}, but it is absent`, {
    where: folder,
    hint: 'check that config.json and the weights belong to the same model',
  });
}

/** Throws FormatError unless the tensor has one of these element types. */
export function requireDtype(tensor: StoredTensor, ...dtypes: readonly TensorDType[]): void {
  if (dtypes.includes(tensor.dtype)) return;
  throw new FormatError(
    `the tensor must be stored as ${dtypes.join(' or ')}, not ${tensor.dtype}`,
    {
      where: placeOf(tensor),
      hint: 'get the file again: it is damaged, or quantization_config is that of another model',
    },
  );
}

/** The module of a weight: its name without `.weight`. */
export function moduleOf(name: string): string {
  return name.replace(/\.weight$/, '');
}

/** The note of formats whose makers compute with activations in fewer bits than f32. */
export function activationsNote(kind: string): string {
  return `made for ${kind} activations, which are not simulated: they are f32 where other arithmetic is not asked for`;
}

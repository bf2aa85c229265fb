/** The tensors of a GGUF file. */
import { FormatError } from '../../../base/index.ts';
import type { StoredTensor } from '../safetensors.ts';
import { placeOf } from '../weight.ts';

export type Tensors = ReadonlyMap<string, StoredTensor<string>>;

export function wrongShape(tensor: StoredTensor<string>, requirement: string): FormatError {
  return new FormatError(
    `tensor ${tensor.name} must have ${requirement}, not [${tensor.shape.join(', ')}]`,
    { where: placeOf(tensor), hint: 'convert the model again with a newer llama.cpp' },
  );
}

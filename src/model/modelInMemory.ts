/** A model whose files are in memory, as a browser fetches them. */
import { FormatError, memorySource, parseJsonRecord, type JsonRecord } from '../base/index.ts';
import { readChatTemplate } from './chat.ts';
import { createCheckpoint } from './checkpoint/checkpoint.ts';
import { parseGeneration } from './checkpoint/generation.ts';
import { readSafetensorsHeader } from './checkpoint/safetensors.ts';
import { modelOf, type Model } from './openedModel.ts';
import { Tokenizer } from './tokenizer.ts';

/** The files of a folder that a model cannot do without. */
export const MODEL_FILES = [
  'config.json',
  'generation_config.json',
  'model.safetensors',
  'tokenizer.json',
  'tokenizer_config.json',
] as const;

/**
 * The model in `files`, by their names in its folder: one file of weights, and the others of
 * MODEL_FILES. Throws FormatError naming the file that is missing or wrong, and what opening a
 * folder throws for its content.
 */
export function loadModelInMemory(name: string, files: ReadonlyMap<string, Uint8Array>): Model {
  const bytesOf = (file: string): Uint8Array => {
    const bytes = files.get(file);
    if (bytes !== undefined) return bytes;
    throw new FormatError(`the model must have the files ${MODEL_FILES.join(', ')}`, {
      where: `${name}: ${file} is missing`,
      hint: 'fetch all of them',
    });
  };
  const record = (file: string): JsonRecord => parseJsonRecord(bytesOf(file), `${name}/${file}`);
  const config = record('config.json');
  const checkpoint = createCheckpoint({
    folder: name,
    config,
    generation: parseGeneration(record('generation_config.json'), config, name),
    tensors: readSafetensorsHeader(memorySource(name, bytesOf('model.safetensors'))),
  });
  return modelOf(name, {
    checkpoint,
    configFile: `${name}/config.json`,
    openTokenizer: () => new Tokenizer(record('tokenizer.json'), `${name}/tokenizer.json`),
    openChat: () => readChatTemplate(record('tokenizer_config.json'), name),
  });
}

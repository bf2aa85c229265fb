/** Opens a checkpoint folder in the layout of the Hugging Face hub. */
import fs from 'node:fs';
import path from 'node:path';
import { FormatError, isRecord, openFileSource, UsageError } from '../../base/index.ts';
import type { ByteSource, JsonRecord } from '../../base/index.ts';
import { createCheckpoint } from './checkpoint.ts';
import type { Checkpoint } from './checkpoint.ts';
import { parseGeneration } from './generation.ts';
import { readJsonFile } from './json.node.ts';
import { readSafetensorsHeader } from './safetensors.ts';
import type { StoredTensor } from './safetensors.ts';
import { parseShardIndex, readShards } from './shards.ts';

const CONFIG = 'config.json';
const GENERATION = 'generation_config.json';
const WEIGHTS = 'model.safetensors';
const INDEX = 'model.safetensors.index.json';
/** An entry a tensor: the largest models have some hundred thousand. */
export const INDEX_LIMIT_BYTES = 32 * 2 ** 20;

/**
 * Open the model in `folder`: config.json, generation_config.json if there, and model.safetensors or
 * its index and shards. Reads the headers, no weights. Throws UsageError when there is no such
 * folder, FormatError or UnsupportedError naming the file that is missing or wrong.
 */
export function openCheckpoint(folder: string): Checkpoint {
  requireFolder(folder);
  const config = withQuantization(readJsonFile(folder, CONFIG), folder);
  const generation = parseGeneration(readGeneration(folder), config, path.join(folder, GENERATION));
  const opened: ByteSource[] = [];
  const open = (file: string): ByteSource => {
    const source = openFileSource(path.join(folder, file));
    opened.push(source);
    return source;
  };
  try {
    return createCheckpoint({ folder, config, generation, tensors: readTensors(folder, open) });
  } catch (error) {
    for (const source of opened) source.close();
    throw error;
  }
}

function requireFolder(folder: string): void {
  const hint = `give a folder with ${CONFIG} and ${WEIGHTS}`;
  if (!fs.statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    throw new UsageError('the model must be a folder, and there is none', { where: folder, hint });
  }
  if (!hasFile(folder, CONFIG)) {
    throw new FormatError(`the folder must contain ${CONFIG}, and does not`, {
      where: folder,
      hint,
    });
  }
}

/** Files in which older checkpoints say how their weights are quantised, instead of in config.json. */
const QUANTIZATION_FILES: readonly (readonly [string, (file: JsonRecord) => JsonRecord])[] = [
  [
    'hf_quant_config.json',
    ({ quantization }) => ({
      quant_method: 'modelopt',
      ...(isRecord(quantization) ? quantization : {}),
    }),
  ],
  [
    'quant_model_description.json',
    ({ model_quant_type }) => ({ quant_method: 'ascend', model_quant_type }),
  ],
];

function withQuantization(config: JsonRecord, folder: string): JsonRecord {
  if (isRecord(config['quantization_config'])) return config;
  const found = QUANTIZATION_FILES.find(([file]) => hasFile(folder, file));
  if (found === undefined) return config;
  const [file, quantizationOf] = found;
  const settings = quantizationOf(readJsonFile(folder, file, INDEX_LIMIT_BYTES));
  return { ...config, quantization_config: settings };
}

function readGeneration(folder: string): JsonRecord {
  return hasFile(folder, GENERATION) ? readJsonFile(folder, GENERATION) : {};
}

function readTensors(
  folder: string,
  open: (file: string) => ByteSource,
): ReadonlyMap<string, StoredTensor> {
  if (hasFile(folder, INDEX)) return readShards(findShards(folder), open);
  if (hasFile(folder, WEIGHTS)) return readSafetensorsHeader(open(WEIGHTS));
  throw new FormatError(`the folder must contain ${WEIGHTS} or ${INDEX}, and has neither`, {
    where: folder,
    hint: 'get the weights as safetensors, or give a .gguf file by its own name; .bin must be converted first',
  });
}

function findShards(folder: string): Map<string, string[]> {
  const shards = parseShardIndex(
    readJsonFile(folder, INDEX, INDEX_LIMIT_BYTES),
    path.join(folder, INDEX),
  );
  const missing = [...shards.keys()].filter((file) => !hasFile(folder, file));
  const [first] = missing;
  if (first === undefined) return shards;
  throw new FormatError(
    `all ${shards.size} shards must be in the folder, not ${shards.size - missing.length}: ${first}, ` +
      `which holds ${shards.get(first)![0]}, is missing${missing.length > 1 ? ', as are others' : ''}`,
    { where: folder, hint: 'get the missing files' },
  );
}

function hasFile(folder: string, name: string): boolean {
  return fs.existsSync(path.join(folder, name));
}

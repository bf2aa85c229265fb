/**
 * Checkpoints in several files: model.safetensors.index.json names the file of each tensor.
 *
 *   { "metadata": { "total_size": ... }, "weight_map": { "model.norm.weight": "model-00002-of-00002.safetensors", ... } }
 */
import { z } from 'zod';
import { FormatError } from '../../base/index.ts';
import { requireSchema } from '../../schema/index.ts';
import type { ByteSource, JsonRecord } from '../../base/index.ts';
import { readSafetensorsHeader } from './safetensors.ts';
import type { StoredTensor } from './safetensors.ts';

const FILE_NAME = /^[^/\\:]+\.safetensors$/;
const fileName = z
  .string('a file name')
  .regex(FILE_NAME, 'the name of a .safetensors file in the same folder');
const INDEX = z.object({ weight_map: z.record(z.string(), fileName, 'an object') });

/** Names of the tensors of each shard, by file name. Throws FormatError naming `where`. */
export function parseShardIndex(index: JsonRecord, where: string): Map<string, string[]> {
  const { weight_map } = requireSchema(INDEX, index, where);
  return Map.groupBy(Object.keys(weight_map), (name) => weight_map[name]);
}

/**
 * Find each indexed tensor in its shard; `open` gives the source of a file name. Tensors that the
 * index leaves out stay out. Throws FormatError naming the shard and the tensor that it lacks.
 */
export function readShards(
  shards: ReadonlyMap<string, readonly string[]>,
  open: (file: string) => ByteSource,
): Map<string, StoredTensor> {
  const tensors = new Map<string, StoredTensor>();
  for (const [file, names] of shards) {
    const source = open(file);
    const stored = readSafetensorsHeader(source);
    for (const name of names) tensors.set(name, requireTensor(stored, name, source));
  }
  return tensors;
}

function requireTensor(
  stored: ReadonlyMap<string, StoredTensor>,
  name: string,
  shard: ByteSource,
): StoredTensor {
  const tensor = stored.get(name);
  if (tensor) return tensor;
  throw new FormatError(`the shard must hold tensor ${name}, as the index says, but does not`, {
    where: shard.name,
    hint: 'get both again: shard and index belong to different versions',
  });
}

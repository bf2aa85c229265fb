/** Weights that are not what they should be. */
import fs from 'node:fs';
import path from 'node:path';
import { encodeSafetensors } from '../../src/model/checkpoint/encodeSafetensors.ts';
import type { BadInput } from './case.ts';
import { safetensors, tinyTensors, writeConfig, writeModel, type Json } from './tinyModel.ts';

const run = (model: string): string[] => ['run', model, '-p', 'x', '-n', '1'];

/** The model with other bytes as its weights. */
function weights(bytes: Uint8Array): BadInput['prepare'] {
  return (folder) => run(writeModel(folder, { 'model.safetensors': bytes }));
}

/** Two tensors of 8 bytes each, at these offsets of 16 bytes. */
function offsets(a: readonly number[], b: readonly number[]): BadInput['prepare'] {
  const entry = (data_offsets: readonly number[]): Json => ({
    dtype: 'F32',
    shape: [2],
    data_offsets,
  });
  return weights(safetensors({ a: entry(a), b: entry(b) }, new Uint8Array(16)));
}

/** NaN or infinity as value 5 of one weight, on a target. */
function value(bad: number, weight: string, ...more: string[]): BadInput['prepare'] {
  const tensors = tinyTensors([weight, [0, 0, 0, 0, 0, bad]]);
  const files = { 'model.safetensors': encodeSafetensors(tensors) };
  return (folder) => [...run(writeModel(folder, files)), ...more];
}

const INDEX = 'model.safetensors.index.json';

function shards(
  weightMap: Json,
  files: Readonly<Record<string, Uint8Array>> = {},
): BadInput['prepare'] {
  return (folder) => {
    const index = { weight_map: weightMap };
    return run(writeModel(folder, { 'model.safetensors': null, [INDEX]: index, ...files }));
  };
}

const complete = encodeSafetensors(tinyTensors());

export const CHECKPOINTS: readonly BadInput[] = [
  {
    name: 'a header cut short',
    prepare: weights(complete.subarray(0, 500)),
    exitCode: 1,
  },
  {
    name: 'a file of 3 bytes',
    prepare: weights(complete.subarray(0, 3)),
    exitCode: 1,
  },
  {
    name: 'an empty file',
    prepare: weights(new Uint8Array(0)),
    exitCode: 1,
  },
  {
    name: 'data cut short',
    prepare: weights(complete.subarray(0, -100)),
    exitCode: 1,
  },
  {
    name: 'a header of 2^60 bytes',
    prepare: weights(safetensors({}, new Uint8Array(16), 2n ** 60n)),
    exitCode: 1,
  },
  {
    name: 'a header of 2^64 − 1 bytes',
    prepare: weights(safetensors({}, new Uint8Array(16), 2n ** 64n - 1n)),
    exitCode: 1,
  },
  {
    name: 'a header of 90 MB of spaces',
    prepare: (folder) => {
      const model = writeModel(folder);
      const file = path.join(folder, 'model.safetensors');
      fs.writeFileSync(file, safetensors('', new Uint8Array(0), 90_000_000n));
      fs.truncateSync(file, 90_000_008);
      return run(model);
    },
    exitCode: 1,
  },
  {
    name: 'a header that is not JSON',
    prepare: weights(safetensors('{"a": ', new Uint8Array(16))),
    exitCode: 1,
  },
  {
    name: 'a header nested 100000 deep',
    prepare: weights(
      safetensors(`{"a": ${'['.repeat(1e5)}${']'.repeat(1e5)}}`, new Uint8Array(16)),
    ),
    exitCode: 1,
  },
  {
    name: 'tensors that overlap',
    prepare: offsets([0, 8], [4, 12]),
    exitCode: 1,
  },
  {
    name: 'a tensor that ends beyond the file',
    prepare: offsets([0, 8], [8, 16 + 8]),
    exitCode: 1,
  },
  {
    name: 'a tensor that lies beyond the file',
    prepare: offsets([0, 8], [2 ** 50, 2 ** 50 + 8]),
    exitCode: 1,
  },
  {
    name: 'offsets in the wrong order',
    prepare: offsets([8, 0], [8, 16]),
    exitCode: 1,
  },
  {
    name: 'a negative offset',
    prepare: offsets([-8, 0], [0, 8]),
    exitCode: 1,
  },
  {
    name: 'a shape with more elements than there are numbers',
    prepare: weights(
      safetensors(
        { a: { dtype: 'F32', shape: [2 ** 53, 2 ** 53], data_offsets: [0, 16] } },
        new Uint8Array(16),
      ),
    ),
    exitCode: 1,
  },
  {
    name: 'an unknown dtype',
    prepare: weights(
      safetensors({ a: { dtype: 'F12', shape: [4], data_offsets: [0, 16] } }, new Uint8Array(16)),
    ),
    exitCode: 1,
  },
  {
    name: 'integers as weights',
    prepare: (folder) => {
      const tensors = tinyTensors().map((tensor) => ({ ...tensor, dtype: 'I32' as const }));
      return run(writeModel(folder, { 'model.safetensors': encodeSafetensors(tensors) }));
    },
    exitCode: 3,
  },
  {
    name: 'a width that the weights do not have',
    prepare: (folder) => run(writeConfig(folder, { intermediate_size: 96 })),
    exitCode: 1,
  },
  {
    name: 'more layers than there are weights for',
    prepare: (folder) => run(writeConfig(folder, { num_hidden_layers: 2 })),
    exitCode: 1,
  },
  {
    name: 'a vocabulary of 10 million, and weights for 256',
    prepare: (folder) => run(writeConfig(folder, { vocab_size: 1e7 })),
    exitCode: 1,
  },
  {
    name: 'a shard that is not there',
    prepare: shards(
      { 'model.norm.weight': 'a.safetensors', x: 'b.safetensors' },
      { 'b.safetensors': complete },
    ),
    exitCode: 1,
  },
  {
    name: 'a shard without a tensor of the index',
    prepare: shards({ 'model.mean.weight': 'a.safetensors' }, { 'a.safetensors': complete }),
    exitCode: 1,
  },
  {
    name: 'a shard in another folder',
    prepare: shards({ 'model.norm.weight': '../a.safetensors' }),
    exitCode: 1,
  },
  {
    name: 'no weights',
    prepare: (folder) => run(writeModel(folder, { 'model.safetensors': null })),
    exitCode: 1,
  },
  {
    name: 'weights that are a folder',
    prepare: (folder) => {
      fs.mkdirSync(path.join(folder, 'model.safetensors'));
      return run(writeModel(folder, { 'model.safetensors': null }));
    },
    exitCode: 2,
  },
  ...['cpu', 'jade', 'reference'].map((target) => ({
    name: `NaN in a weight (${target})`,
    prepare: value(NaN, 'model.norm.weight', '--target', target),
    exitCode: 1,
  })),
  {
    name: 'infinity in a weight',
    prepare: value(-Infinity, 'model.layers.0.mlp.up_proj.weight'),
    exitCode: 1,
  },
];

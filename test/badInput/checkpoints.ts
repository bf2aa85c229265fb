/** Weights that are not what they should be. */
import fs from 'node:fs';
import path from 'node:path';
import {
  encodeSafetensors,
  type TensorBytes,
} from '../../src/model/checkpoint/encodeSafetensors.ts';
import { bad, NESTED_DEEPLY, type BadInput } from './case.ts';
import { safetensors, tinyTensors, writeConfig, writeModel, type Json } from './tinyModel.ts';

type Prepare = BadInput['prepare'];

const FILE = 'model.safetensors';
const INDEX = 'model.safetensors.index.json';
const BUILTIN = path.join(import.meta.dirname, '../../models/qwen3-tiny');
const complete = encodeSafetensors(tinyTensors());

const run = (model: string): string[] => ['run', model, '-p', 'x', '-n', '1'];

/** The model with other bytes as its weights. */
function weights(bytes: Uint8Array): Prepare {
  return (folder) => run(writeModel(folder, { [FILE]: bytes }));
}

/** The model with tensors of another kind. */
function tensors(change: (tensor: TensorBytes) => TensorBytes): Prepare {
  return weights(encodeSafetensors(tinyTensors().map(change)));
}

/** A header of one entry, over 16 bytes of data. */
function entry(fields: Json): Prepare {
  const a = { dtype: 'F32', shape: [4], data_offsets: [0, 16], ...fields };
  return weights(safetensors({ a }, new Uint8Array(16)));
}

/** Two tensors of 8 bytes, at these offsets of 16 bytes. */
function offsets(a: readonly number[], b: readonly number[]): Prepare {
  const entryAt = (data_offsets: readonly number[]): Json => ({
    dtype: 'F32',
    shape: [2],
    data_offsets,
  });
  return weights(safetensors({ a: entryAt(a), b: entryAt(b) }, new Uint8Array(16)));
}

/** A header of `length` bytes, all zero. */
function zeros(length: number): Prepare {
  return (folder) => {
    const prefix = safetensors('', new Uint8Array(0), BigInt(length));
    const model = writeModel(folder, { [FILE]: prefix });
    fs.truncateSync(path.join(folder, FILE), prefix.length + length);
    return run(model);
  };
}

/** A configuration that other weights belong to. */
function otherWeights(fields: Json, command: (model: string) => string[] = run): Prepare {
  return (folder) => command(writeConfig(folder, fields));
}

function shards(weightMap: Json): Prepare {
  return (folder) => {
    const index = { weight_map: weightMap };
    return run(writeModel(folder, { [FILE]: null, [INDEX]: index, 'a.safetensors': complete }));
  };
}

/** Values of one weight of the tiny model. */
function values(list: number[], weight: string, command: (model: string) => string[]): Prepare {
  const bytes = encodeSafetensors(tinyTensors([weight, list]));
  return (folder) => command(writeModel(folder, { [FILE]: bytes }));
}

/** The built-in model with a NaN in the last of its weights, which are bf16. */
function nanInBuiltin(target: string): Prepare {
  return (folder) => {
    fs.cpSync(BUILTIN, folder, { recursive: true });
    const file = fs.openSync(path.join(folder, FILE), 'r+');
    fs.writeSync(file, Uint8Array.of(0xc0, 0x7f), 0, 2, fs.fstatSync(file).size - 2);
    fs.closeSync(file);
    return [...run(folder), '--target', target];
  };
}

const on =
  (target: string) =>
  (model: string): string[] => [...run(model), '--target', target];

/** Evaluation of the bytes of config.json, beginning with those that fit. */
const evaluation = (model: string): string[] => ['eval', model, '--text', `${model}/config.json`];

const HUGE = Array<number>(32).fill(3e38);
const NORM = 'model.norm.weight';
const UP = 'model.layers.0.mlp.up_proj.weight';

export const CHECKPOINTS: readonly BadInput[] = [
  bad('an empty file', 1, weights(new Uint8Array(0))),
  bad('a file of 3 bytes', 1, weights(complete.subarray(0, 3))),
  bad('a header cut short', 1, weights(complete.subarray(0, 500))),
  bad('data cut short', 1, weights(complete.subarray(0, -100))),
  bad('a header of 2^60 bytes', 1, weights(safetensors({}, new Uint8Array(16), 2n ** 60n))),
  bad(
    'a header of 2^64 − 1 bytes',
    1,
    weights(safetensors({}, new Uint8Array(16), 2n ** 64n - 1n)),
  ),
  bad('a header of 90 MB of zeros', 1, zeros(90_000_000)),
  bad('a header of 15 MB of zeros', 1, zeros(15_000_000)),
  bad(
    'a header of 5 million values',
    1,
    weights(safetensors(`{"a":[${'[],'.repeat(5e6)}0]}`, complete)),
  ),
  bad('a header that is not JSON', 1, weights(safetensors('{"a": ', new Uint8Array(16)))),
  bad('a header nested 100000 deep', 1, weights(safetensors(`{"a":${NESTED_DEEPLY}}`, complete))),
  bad('tensors that overlap', 1, offsets([0, 8], [4, 12])),
  bad('tensors with a hole between them', 1, offsets([0, 8], [10, 18])),
  bad('a tensor that ends beyond the file', 1, entry({ shape: [6], data_offsets: [0, 24] })),
  bad('a tensor that lies beyond the file', 1, offsets([0, 8], [2 ** 50, 2 ** 50 + 8])),
  bad('offsets in the wrong order', 1, offsets([8, 0], [8, 16])),
  bad('a negative offset', 1, offsets([-8, 0], [0, 8])),
  bad('a shape of 2^53 × 2^53', 1, entry({ shape: [2 ** 53, 2 ** 53] })),
  bad('a shape of 17 extents', 1, entry({ shape: Array(17).fill(1) })),
  bad('an unknown dtype', 1, entry({ dtype: 'F12' })),
  bad(
    'a name that would clear the terminal',
    1,
    weights(safetensors({ '\u001b[2J': 1 }, complete)),
  ),
  bad('a name of 2 MB', 1, weights(safetensors({ ['x'.repeat(2e6)]: 1 }, complete))),
  bad(
    'integers as weights',
    3,
    tensors((tensor) => ({ ...tensor, dtype: 'I32' })),
  ),
  bad(
    'fp8 weights without scales',
    1,
    tensors((tensor) =>
      tensor.shape.length === 1
        ? tensor
        : { ...tensor, dtype: 'F8_E4M3', bytes: tensor.bytes.subarray(0, tensor.bytes.length / 4) },
    ),
  ),
  bad('a width of other weights', 1, otherWeights({ intermediate_size: 96 })),
  bad(
    'a width of other weights, inspected',
    1,
    otherWeights({ intermediate_size: 96 }, (model) => ['inspect', model]),
  ),
  bad(
    'a width of other weights, compiled',
    1,
    otherWeights({ intermediate_size: 96 }, (model) => ['compile', model]),
  ),
  bad('more layers than weights', 1, otherWeights({ num_hidden_layers: 2 })),
  bad('a vocabulary of 10 million, and weights for 256', 1, otherWeights({ vocab_size: 1e7 })),
  bad(
    'the largest sizes, and weights of a small model',
    1,
    otherWeights({ num_hidden_layers: 1000, hidden_size: 1e6, intermediate_size: 1e7 }),
  ),
  bad('a shard that is not there', 1, shards({ [NORM]: 'a.safetensors', x: 'b.safetensors' })),
  bad('a shard without a tensor of the index', 1, shards({ 'model.mean.weight': 'a.safetensors' })),
  bad('a shard in another folder', 1, shards({ [NORM]: '../a.safetensors' })),
  bad('an index without weights', 1, shards({})),
  bad('no weights', 1, (folder) => run(writeModel(folder, { [FILE]: null }))),
  bad('weights that are a folder', 2, (folder) => {
    fs.mkdirSync(path.join(folder, FILE));
    return run(writeModel(folder, { [FILE]: null }));
  }),
  bad('NaN in a weight, on cpu', 1, values([1, NaN], NORM, on('cpu'))),
  bad('NaN in a weight, on jade', 1, values([1, NaN], NORM, on('jade'))),
  bad('NaN in a weight, on the reference', 1, values([1, NaN], NORM, on('reference'))),
  bad('NaN in a weight, evaluated', 1, values([1, NaN], NORM, evaluation)),
  bad('NaN in a weight of a built-in model, on cpu', 1, nanInBuiltin('cpu')),
  bad('NaN in a weight of a built-in model, on jade', 1, nanInBuiltin('jade')),
  bad('infinity in a weight', 1, values([1, -Infinity], UP, on('cpu'))),
  bad('weights so large that logits are infinite', 1, values(HUGE, NORM, on('cpu'))),
  bad('weights so large that logits are infinite, evaluated', 1, values(HUGE, NORM, evaluation)),
];

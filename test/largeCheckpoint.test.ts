/**
 * A checkpoint larger than memory: 30 GB in shards, all zeros and sparse, so that they take no room.
 * What reads no weights takes no memory for them, and a read takes what it returns.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { openCheckpoint, parseModelConfig, readCatalogueModel } from '../src/model/index.ts';
import { encodeHeader, type TensorSize } from '../src/model/checkpoint/encodeSafetensors.ts';
import { tensorsOf } from '../scripts/randomCheckpoint.ts';
import { writeZeros } from './badInput/case.ts';
import { celadon } from './badInput/celadon.ts';

const FOLDER = fs.mkdtempSync(path.join(os.tmpdir(), 'celadon-large-'));
after(() => fs.rmSync(FOLDER, { recursive: true }));

const SHARD_BYTES = 4e9;
/** What Node and Celadon take without any model is half of this. */
const PEAK_BYTES = 256e6;

const GOLDEN = path.join(import.meta.dirname, 'golden');

/** Qwen3-32B with 28 of its 64 layers. */
const CONFIG = { ...readCatalogueModel('qwen3-32b').raw, num_hidden_layers: 28 };

/** What the model asks for, in BF16. */
function stored(): TensorSize[] {
  return tensorsOf(parseModelConfig(CONFIG)).map(({ name, shape }) => {
    const sizeBytes = 2 * shape.reduce((product, extent) => product * extent, 1);
    return { name, dtype: 'BF16', shape, sizeBytes };
  });
}

/** Write the shards and their index; returns the bytes of all tensors. */
function writeCheckpoint(): number {
  const tensors = stored();
  const weightMap: Record<string, string> = {};
  let shard: TensorSize[] = [];
  for (const tensor of tensors) {
    shard.push(tensor);
    if (tensor !== tensors.at(-1) && bytesOf(shard) <= SHARD_BYTES) continue;
    const file = `model-${Object.keys(weightMap).length}.safetensors`;
    writeShard(path.join(FOLDER, file), shard);
    for (const { name } of shard) weightMap[name] = file;
    shard = [];
  }
  writeFolder(FOLDER, CONFIG, weightMap);
  return bytesOf(tensors);
}

/** A small model whose checkpoint has 30 GB of a tower for pictures beside the text model. */
function writeTower(): string {
  const [folder, golden] = [path.join(FOLDER, 'tower'), path.join(GOLDEN, 'qwen3.5-pictures')];
  fs.mkdirSync(folder);
  fs.copyFileSync(path.join(golden, 'model.safetensors'), path.join(folder, 'text.safetensors'));
  const original = openCheckpoint(golden);
  const weightMap = Object.fromEntries(
    original.tensorNames().map((name) => [name, 'text.safetensors']),
  );
  for (let i = 0; i < 8; i++) {
    const [name, file] = [`model.visual.blocks.${i + 1}.attn.qkv.weight`, `tower-${i}.safetensors`];
    const shape = [SHARD_BYTES / 2e4, 1e4];
    writeShard(path.join(folder, file), [{ name, dtype: 'BF16', shape, sizeBytes: SHARD_BYTES }]);
    weightMap[name] = file;
  }
  writeFolder(folder, original.config, weightMap);
  original.close();
  return folder;
}

function writeShard(file: string, tensors: readonly TensorSize[]): void {
  const header = encodeHeader(tensors);
  writeZeros(file, header.length + bytesOf(tensors));
  const opened = fs.openSync(file, 'r+');
  fs.writeSync(opened, header, 0, header.length, 0);
  fs.closeSync(opened);
}

function writeFolder(
  folder: string,
  config: object,
  weightMap: Readonly<Record<string, string>>,
): void {
  const write = (file: string, value: object): void =>
    fs.writeFileSync(path.join(folder, file), JSON.stringify(value));
  write('model.safetensors.index.json', { weight_map: weightMap });
  write('config.json', config);
  write('tokens.json', [1, 2, 3, 4]);
}

function bytesOf(tensors: readonly TensorSize[]): number {
  return tensors.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

/** Whether large files of zeros take room here. */
function isSparse(): boolean {
  const file = writeZeros(path.join(FOLDER, 'probe'), 2 ** 30);
  const { blocks } = fs.statSync(file);
  fs.rmSync(file);
  return blocks * 512 < 2 ** 20;
}

const skip = isSparse() ? false : 'the file system of the temporary folder has no sparse files';
const totalBytes = skip === false ? writeCheckpoint() : 0;

test('inspect takes no memory for the weights', { skip }, async (t) => {
  assert.ok(totalBytes > 30e9);
  const { exitCode, stdout, stderr, peakBytes } = await celadon(['inspect', FOLDER, '--json']);
  assert.equal(exitCode, 0, stderr);
  const report = JSON.parse(stdout) as Record<string, unknown>;
  const { total, active } = report['parameters'] as Record<string, number>;
  assert.deepEqual([total, active], [totalBytes / 2, totalBytes / 2]);
  assert.deepEqual(report['skippedTensors'], []);
  t.diagnostic(`${(peakBytes / 1e6).toFixed(0)} MB for ${(totalBytes / 1e9).toFixed(1)} GB`);
  assert.ok(peakBytes < PEAK_BYTES, `${peakBytes} bytes`);
});

/** In f32 weights take one memory of 4 GiB at most; as they are stored, what the machine has. */
const UNFIT = [['--activations', 'f32'], ...(os.totalmem() < totalBytes ? [[]] : [])];

test('eval that does not fit is refused before a weight is read', { skip }, async (t) => {
  for (const options of UNFIT) {
    const args = ['eval', FOLDER, '--tokens', path.join(FOLDER, 'tokens.json'), ...options];
    const { exitCode, stderr, peakBytes } = await celadon(args);
    assert.equal(exitCode, 4, stderr);
    t.diagnostic(`${(peakBytes / 1e6).toFixed(0)} MB`);
    assert.ok(peakBytes < PEAK_BYTES, `${peakBytes} bytes`);
  }
});

test(
  'eval takes no memory for the parts of a checkpoint that it leaves out',
  { skip },
  async (t) => {
    const folder = writeTower();
    const evaluate = async (model: string) => {
      const args = ['eval', model, '--tokens', path.join(folder, 'tokens.json'), '--json'];
      const { exitCode, stdout, stderr, peakBytes } = await celadon(args);
      assert.equal(exitCode, 0, stderr);
      return { perplexity: (JSON.parse(stdout) as { perplexity: number }).perplexity, peakBytes };
    };
    const large = await evaluate(folder);
    const small = await evaluate(path.join(GOLDEN, 'qwen3.5-pictures'));
    t.diagnostic(
      `${(large.peakBytes / 1e6).toFixed(0)} MB, ${(small.peakBytes / 1e6).toFixed(0)} MB without the tower`,
    );
    assert.equal(large.perplexity, small.perplexity);
    assert.ok(large.peakBytes < PEAK_BYTES, `${large.peakBytes} bytes`);
  },
);

test('reading a tensor takes memory for its values and a slice', { skip }, () => {
  const checkpoint = openCheckpoint(FOLDER);
  const name = 'model.layers.27.mlp.down_proj.weight';
  const before = process.memoryUsage().arrayBuffers;
  const values = checkpoint.readF32(name, [5120, 25600]);
  const taken = process.memoryUsage().arrayBuffers - before - values.byteLength;
  assert.equal(values.byteLength, 4 * 5120 * 25600);
  assert.ok(taken < 128e6, `${taken} bytes besides the values`);
  assert.equal(checkpoint.readRows(name, 5000, 2).length, 2 * 25600);
  checkpoint.close();
});

import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { CeladonError, FormatError, UsageError } from '../../base/index.ts';
import { parseModelConfig } from './config.ts';
import { encodeSafetensors } from './encodeSafetensors.ts';
import { openCheckpoint } from './openCheckpoint.node.ts';

const MODELS = path.join(import.meta.dirname, '../../../models');
const ONE = new Uint8Array(Float32Array.of(1).buffer);
const INDEX = 'model.safetensors.index.json';

type Content = string | Uint8Array | object;

function inFolder(files: Record<string, Content>, use: (folder: string) => void): void {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'celadon-checkpoint-'));
  try {
    for (const [name, content] of Object.entries(files)) {
      const raw = typeof content === 'string' || content instanceof Uint8Array;
      fs.writeFileSync(path.join(folder, name), raw ? content : JSON.stringify(content));
    }
    use(folder);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

function weights(...names: string[]): Uint8Array {
  return encodeSafetensors(
    names.map((name) => ({ name, dtype: 'F32' as const, shape: [1], bytes: ONE })),
  );
}

/** Open a folder with these files and check the error. */
function refuses(
  files: Record<string, Content>,
  message: RegExp,
  file = '',
  kind: typeof CeladonError = FormatError,
): void {
  inFolder(files, (folder) => {
    assert.throws(
      () => openCheckpoint(folder),
      (error) => {
        assert.ok(error instanceof kind, String(error));
        assert.match(error.message, message);
        assert.equal(error.where, path.join(folder, file));
        return true;
      },
    );
  });
}

test('the demo models open, and every weight is finite and of the shape stored', () => {
  for (const [name, family] of [
    ['qwen3-tiny', 'qwen3'],
    ['deepseek-v3-tiny', 'deepseek_v3'],
  ]) {
    const checkpoint = openCheckpoint(path.join(MODELS, name));
    assert.equal(parseModelConfig(checkpoint.config).family, family);
    assert.deepEqual(checkpoint.generation.eosTokenIds, [8191, 8189]);
    for (const tensor of checkpoint.tensorNames()) {
      const { shape } = checkpoint.info(tensor);
      const count = shape.reduce((product, extent) => product * extent, 1);
      assert.equal(checkpoint.readF32(tensor, shape).length, count);
    }
    checkpoint.close();
  }
});

test('a quantisation may be described in a file of its own', () => {
  const described: [string, object, object][] = [
    [
      'hf_quant_config.json',
      { producer: {}, quantization: { quant_algo: 'NVFP4', group_size: 16 } },
      { quant_method: 'modelopt', quant_algo: 'NVFP4', group_size: 16 },
    ],
    [
      'quant_model_description.json',
      { model_quant_type: 'W8A8', 'lm_head.weight': 'FLOAT' },
      { quant_method: 'ascend', model_quant_type: 'W8A8' },
    ],
  ];
  for (const [file, content, quantization] of described) {
    const files = { 'config.json': {}, 'model.safetensors': weights('x'), [file]: content };
    inFolder(files, (folder) => {
      const checkpoint = openCheckpoint(folder);
      assert.deepEqual(checkpoint.config['quantization_config'], quantization);
      assert.match(checkpoint.note!, /activations, which are not simulated/);
      checkpoint.close();
    });
  }
});

test('sharded weights are found in their files', () => {
  const files = {
    'config.json': { eos_token_id: 3 },
    'a.safetensors': weights('x', 'unlisted'),
    'b.safetensors': weights('y'),
    [INDEX]: { weight_map: { x: 'a.safetensors', y: 'b.safetensors' } },
  };
  inFolder(files, (folder) => {
    const checkpoint = openCheckpoint(folder);
    assert.deepEqual(checkpoint.tensorNames(), ['x', 'y']);
    assert.deepEqual(checkpoint.readF32('y'), Float32Array.of(1));
    assert.deepEqual(checkpoint.generation.eosTokenIds, [3]);
    checkpoint.close();
  });
});

test('missing shards and tensors are named', () => {
  const index = { weight_map: { x: 'a.safetensors', y: 'b.safetensors', z: 'c.safetensors' } };
  const files = { 'config.json': {}, 'a.safetensors': weights('x'), [INDEX]: index };
  refuses(
    files,
    /all 3 shards must be in the folder, not 1: b\.safetensors, which holds y, is missing, as are others/,
  );
  refuses(
    { ...files, 'b.safetensors': weights('w'), 'c.safetensors': weights('z') },
    /the shard must hold tensor y/,
    'b.safetensors',
  );
});

test('an index that points out of the folder is refused', () => {
  for (const file of ['../a.safetensors', '/etc/passwd', 'C:\\a.safetensors', 'a.bin', 5]) {
    const index = { weight_map: { x: file } };
    refuses({ 'config.json': {}, [INDEX]: index }, /weight_map\.x must be .*file/, INDEX);
  }
});

test('missing files are named', () => {
  assert.throws(() => openCheckpoint('/nowhere'), { name: UsageError.name, where: '/nowhere' });
  refuses({}, /the folder must contain config\.json/);
  refuses(
    { 'config.json': {} },
    /the folder must contain model\.safetensors or model\.safetensors\.index/,
  );
});

test('broken JSON is reported with its file', () => {
  const model = { 'model.safetensors': weights('x') };
  refuses({ ...model, 'config.json': '{"a": ' }, /must be JSON/, 'config.json');
  refuses({ ...model, 'config.json': '7' }, /must be a JSON object, not 7/, 'config.json');
  const generation = { 'config.json': {}, 'generation_config.json': '[]' };
  refuses({ ...model, ...generation }, /must be a JSON object/, 'generation_config.json');
});

test('a configuration file above 1 MiB is refused before it is read', () => {
  inFolder({ 'config.json': '{}' }, (folder) => {
    fs.truncateSync(path.join(folder, 'config.json'), 10 * 2 ** 30);
    assert.throws(() => openCheckpoint(folder), /at most 1\.00 MiB, not 10\.0 GiB/);
  });
});

test('a tensor beyond 4 GiB of a sparse file is read', () => {
  const padding = 5 * 2 ** 30;
  const header = JSON.stringify({
    far: { dtype: 'F32', shape: [1], data_offsets: [padding, padding + 4] },
    hole: { dtype: 'BF16', shape: [padding / 2], data_offsets: [0, padding] },
  });
  const length = new Uint8Array(BigUint64Array.of(BigInt(header.length)).buffer);
  inFolder({ 'config.json': {}, 'model.safetensors': length }, (folder) => {
    const file = path.join(folder, 'model.safetensors');
    fs.appendFileSync(file, header);
    fs.truncateSync(file, 8 + header.length + padding);
    fs.appendFileSync(file, ONE);
    const checkpoint = openCheckpoint(folder);
    assert.deepEqual(checkpoint.readF32('far'), Float32Array.of(1));
    assert.deepEqual(checkpoint.readRows('hole', padding / 2 - 2, 2), new Float32Array(2));
    checkpoint.close();
  });
});

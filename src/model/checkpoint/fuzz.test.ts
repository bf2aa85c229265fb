/** Random damage: each damaged file is read, or refused with an answer; nothing else may happen. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { CeladonError, memorySource, parseJsonRecord, Random } from '../../base/index.ts';
import type { JsonRecord } from '../../base/index.ts';
import { createCheckpoint } from './checkpoint.ts';
import { parseModelConfig } from './config.ts';
import { encodeSafetensors } from './encodeSafetensors.ts';
import { parseGeneration } from './generation.ts';
import { readSafetensorsHeader } from './safetensors.ts';
import { parseShardIndex } from './shards.ts';

const MODELS = path.join(import.meta.dirname, '../../../models');
const CONFIGS = ['qwen3-tiny', 'deepseek-v3-tiny'].map((name) =>
  fs.readFileSync(path.join(MODELS, name, 'config.json')),
);

/** Values that readers tend to trip over. */
const ODD_VALUES: readonly unknown[] = [
  null,
  true,
  '',
  'x',
  -1,
  0,
  0.5,
  1e308,
  -1e308,
  2 ** 53,
  2 ** 31,
  [],
  {},
  [[[]]],
  [null],
  { a: {} },
  Array.from({ length: 1000 }, () => 1),
  '\u0000',
  '__proto__',
  'yarn',
  { type: 'yarn' },
  { quant_method: 'fp8' },
];

/** Run and return whether it was accepted; any error but an answer fails the test. */
function isAccepted(run: () => void): boolean {
  try {
    run();
    return true;
  } catch (error) {
    assert.ok(error instanceof CeladonError, String(error));
    assert.ok(error.message.length < 20_000);
    return false;
  }
}

/** Change, drop, repeat or insert up to four bytes at random places. */
function damage(bytes: Uint8Array, random: Random): Uint8Array {
  let damaged = [...bytes];
  for (let edits = 1 + random.int(4); edits > 0; edits--) {
    const at = random.int(damaged.length);
    const byte = random.int(2)
      ? random.int(256)
      : '0123456789-.e[]{},:"'.charCodeAt(random.int(20));
    const kind = random.int(4);
    if (kind === 0) damaged.splice(at, random.int(20));
    else if (kind === 1) damaged.splice(at, 0, ...damaged.slice(at, at + random.int(20)));
    else if (kind === 2) damaged.splice(at, 0, byte);
    else damaged[at] = byte;
    if (damaged.length === 0) damaged = [0];
  }
  return Uint8Array.from(damaged);
}

/** Replace the value of a random field, now and then one level deeper. */
function disturb(record: JsonRecord, random: Random): JsonRecord {
  const keys = Object.keys(record);
  const key = keys[random.int(keys.length)];
  const odd = ODD_VALUES[random.int(ODD_VALUES.length)];
  const inner = record[key];
  const isObject = typeof inner === 'object' && inner !== null && !Array.isArray(inner);
  const deeper = isObject && Object.keys(inner).length > 0 && random.int(2) === 0;
  return { ...record, [key]: deeper ? disturb(inner as JsonRecord, random) : odd };
}

function readWeights(bytes: Uint8Array, config: JsonRecord): void {
  const tensors = readSafetensorsHeader(memorySource('w.safetensors', bytes));
  const generation = parseGeneration({}, config, 'generation_config.json');
  const checkpoint = createCheckpoint({ folder: 'model', config, generation, tensors });
  for (const name of [...checkpoint.tensorNames(), 'w.weight']) {
    if (isAccepted(() => checkpoint.readF32(name))) checkpoint.storedNames(name);
  }
}

test('damaged safetensors files are read or refused', () => {
  const random = new Random(2024);
  const file = encodeSafetensors([
    { name: 'w', dtype: 'F8_E4M3', shape: [3, 5], bytes: new Uint8Array(15) },
    { name: 'w_scale_inv', dtype: 'F32', shape: [1, 1], bytes: new Uint8Array(4) },
    { name: 'norm', dtype: 'BF16', shape: [4], bytes: new Uint8Array(8) },
    { name: 'ids', dtype: 'I64', shape: [2, 1], bytes: new Uint8Array(16) },
  ]);
  let accepted = 0;
  for (let i = 0; i < 4000; i++) {
    if (isAccepted(() => readWeights(damage(file, random), {}))) accepted++;
  }
  assert.ok(accepted > 0 && accepted < 4000, `${accepted} accepted`);
});

test('safetensors headers with damaged JSON but a right length are read or refused', () => {
  const random = new Random(2025);
  const header = new TextEncoder().encode(
    '{"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"b":{"dtype":"BF16","shape":[4],"data_offsets":[8,16]}}',
  );
  let accepted = 0;
  for (let i = 0; i < 4000; i++) {
    const json = damage(header, random);
    const bytes = new Uint8Array(8 + json.length + 16);
    bytes.set(new Uint8Array(BigUint64Array.of(BigInt(json.length)).buffer));
    bytes.set(json, 8);
    if (isAccepted(() => readWeights(bytes, {}))) accepted++;
  }
  assert.ok(accepted > 0 && accepted < 4000, `${accepted} accepted`);
});

/** Quantised matrices, each with the quantization_config it needs. */
function quantisedFiles(): [Uint8Array, JsonRecord][] {
  const folder = path.join(import.meta.dirname, '../../../test/formats');
  const cases = parseJsonRecord(fs.readFileSync(path.join(folder, 'cases.json')), 'cases.json');
  return Object.entries(cases).map(([name, quantization]) => [
    fs.readFileSync(path.join(folder, `${name}.safetensors`)),
    { quantization_config: quantization },
  ]);
}

test('quantised weights under a damaged header are read or refused', () => {
  const random = new Random(2029);
  let accepted = 0;
  for (const [file, config] of quantisedFiles()) {
    const headerBytes = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
    for (let i = 0; i < 150; i++) {
      const header = damage(file.subarray(8, 8 + headerBytes), random);
      const data = file.subarray(8 + headerBytes);
      const bytes = new Uint8Array(8 + header.length + data.length);
      new DataView(bytes.buffer).setBigUint64(0, BigInt(header.length), true);
      bytes.set(header, 8);
      bytes.set(data, 8 + header.length);
      if (isAccepted(() => readWeights(bytes, config))) accepted++;
    }
  }
  assert.ok(accepted > 0 && accepted < 150 * 13, `${accepted} accepted`);
});

test('damaged configuration bytes are parsed or refused', () => {
  const random = new Random(2026);
  let accepted = 0;
  for (let i = 0; i < 3000; i++) {
    const bytes = damage(CONFIGS[i % 2], random);
    if (isAccepted(() => parseModelConfig(parseJsonRecord(bytes, 'config.json')))) accepted++;
  }
  assert.ok(accepted > 0 && accepted < 3000, `${accepted} accepted`);
});

test('configurations with odd values are parsed or refused', () => {
  const random = new Random(2027);
  let accepted = 0;
  for (let i = 0; i < 6000; i++) {
    let config = parseJsonRecord(CONFIGS[i % 2], 'config.json');
    for (let edits = 1 + random.int(3); edits > 0; edits--) config = disturb(config, random);
    if (isAccepted(() => parseModelConfig(config))) accepted++;
    isAccepted(() => parseGeneration(config, config, 'generation_config.json'));
    isAccepted(() =>
      createCheckpoint({
        folder: '',
        config,
        generation: parseGeneration({}, {}, ''),
        tensors: new Map(),
      }),
    );
  }
  assert.ok(accepted > 0 && accepted < 6000, `${accepted} accepted`);
});

test('shard indexes with odd values are parsed or refused', () => {
  const random = new Random(2028);
  const index = {
    metadata: { total_size: 8 },
    weight_map: { a: 'a.safetensors', b: 'b.safetensors' },
  };
  let accepted = 0;
  for (let i = 0; i < 2000; i++) {
    const odd = disturb(index, random);
    if (isAccepted(() => parseShardIndex(odd, 'index'))) accepted++;
  }
  assert.ok(accepted > 0 && accepted < 2000, `${accepted} accepted`);
});

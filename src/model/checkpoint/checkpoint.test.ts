import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CapacityError,
  encodeF8E4M3,
  F8E4M3_VALUES,
  f32ToBf16,
  f32ToF16,
  FormatError,
  memorySource,
  Random,
  ShapeError,
  UnsupportedError,
  UsageError,
} from '../../base/index.ts';
import type { JsonRecord } from '../../base/index.ts';
import { createCheckpoint } from './checkpoint.ts';
import type { Checkpoint } from './checkpoint.ts';
import { encodeSafetensors } from './encodeSafetensors.ts';
import type { TensorBytes } from './encodeSafetensors.ts';
import { parseGeneration } from './generation.ts';
import { readSafetensorsHeader } from './safetensors.ts';
import type { TensorDType } from './safetensors.ts';

const FP8 = { quantization_config: { quant_method: 'fp8', weight_block_size: [128, 128] } };

function checkpointOf(tensors: readonly TensorBytes[], config: JsonRecord = {}): Checkpoint {
  const source = memorySource('w.safetensors', encodeSafetensors(tensors));
  return createCheckpoint({
    folder: 'model',
    config,
    generation: parseGeneration({}, {}, 'generation_config.json'),
    tensors: readSafetensorsHeader(source),
  });
}

function tensor(
  name: string,
  dtype: TensorDType,
  shape: readonly number[],
  { buffer, byteOffset, byteLength }: ArrayBufferView,
): TensorBytes {
  return { name, dtype, shape, bytes: new Uint8Array(buffer, byteOffset, byteLength) };
}

/** A random FP8 matrix with its scales, and what it must dequantise to. */
function quantised(name: string, rows: number, columns: number, random: Random) {
  const [scaleRows, scaleColumns] = [Math.ceil(rows / 128), Math.ceil(columns / 128)];
  const codes = Uint8Array.from({ length: rows * columns }, () =>
    encodeF8E4M3(random.float() * 900 - 450),
  );
  const scales = Float32Array.from({ length: scaleRows * scaleColumns }, () => random.float());
  const expected = Float32Array.from(codes, (code, i) => {
    const [row, column] = [Math.floor(i / columns), i % columns];
    return F8E4M3_VALUES[code] * scales[(row >> 7) * scaleColumns + (column >> 7)];
  });
  const tensors = [
    tensor(name, 'F8_E4M3', [rows, columns], codes),
    tensor(`${name}_scale_inv`, 'F32', [scaleRows, scaleColumns], scales),
  ];
  return { tensors, expected };
}

test('f32, f16 and bf16 tensors are read as their values', () => {
  const values = Float32Array.of(1, -2.5, 0.15625, 96);
  const checkpoint = checkpointOf([
    tensor('f32', 'F32', [2, 2], values),
    tensor('f16', 'F16', [4], f32ToF16(values)),
    tensor('bf16', 'BF16', [4, 1], f32ToBf16(values)),
    tensor('scalar', 'F32', [], values.subarray(1, 2)),
  ]);
  for (const name of ['f32', 'f16', 'bf16']) assert.deepEqual(checkpoint.readF32(name), values);
  assert.deepEqual(checkpoint.readF32('scalar', []), Float32Array.of(-2.5));
  assert.deepEqual(checkpoint.tensorNames(), ['bf16', 'f16', 'f32', 'scalar']);
  assert.deepEqual(checkpoint.info('bf16'), { dtype: 'BF16', shape: [4, 1], sizeBytes: 8 });
  assert.ok(checkpoint.has('f16') && !checkpoint.has('f64'));
});

test('fp8 matrices are multiplied by the scale of their 128 × 128 block', () => {
  const random = new Random(5);
  for (const [rows, columns] of [
    [1, 1],
    [128, 128],
    [129, 127],
    [300, 260],
  ]) {
    const { tensors, expected } = quantised('w', rows, columns, random);
    assert.deepEqual(checkpointOf(tensors, FP8).readF32('w', [rows, columns]), expected);
  }
});

test('scales stored as bf16 serve as well', () => {
  const scales = f32ToBf16(Float32Array.of(0.5));
  const checkpoint = checkpointOf([
    tensor('w', 'F8_E4M3', [1, 2], Uint8Array.of(0x38, 0x40)),
    tensor('w_scale_inv', 'BF16', [1, 1], scales),
  ]);
  assert.deepEqual(checkpoint.readF32('w'), Float32Array.of(0.5, 1));
});

test('rows are those of the whole tensor, whatever block they start in', () => {
  const { tensors, expected } = quantised('w', 300, 130, new Random(6));
  const checkpoint = checkpointOf(tensors);
  for (const [start, count] of [
    [0, 300],
    [127, 2],
    [250, 50],
    [300, 0],
  ]) {
    const rows = checkpoint.readRows('w', start, count);
    assert.deepEqual(rows, expected.slice(start * 130, (start + count) * 130));
  }
  for (const [start, count] of [
    [-1, 1],
    [299, 2],
    [0, 1.5],
    [NaN, 1],
  ]) {
    assert.throws(() => checkpoint.readRows('w', start, count), UsageError);
  }
});

test('a tensor larger than one slice is read whole', () => {
  const values = Float32Array.from({ length: 3 * 2 ** 20 }, (_, i) => i);
  const checkpoint = checkpointOf([tensor('w', 'F32', [3 * 2 ** 10, 2 ** 10], values)]);
  assert.deepEqual(checkpoint.readF32('w'), values);
});

test('an absent tensor and an unexpected shape are named', () => {
  const checkpoint = checkpointOf([tensor('w', 'F32', [2, 3], new Float32Array(6))]);
  assert.throws(() => checkpoint.readF32('v'), {
    name: FormatError.name,
    message: 'the checkpoint must hold tensor v, but it is absent',
    where: 'model',
  });
  for (const required of [[3, 2], [6], [2, 3, 1]]) {
    const error = {
      name: ShapeError.name,
      message: `tensor w must have shape [${required.join(', ')}], not [2, 3]`,
      where: 'w.safetensors',
    };
    assert.throws(() => checkpoint.readF32('w', required), error);
    assert.throws(() => checkpoint.requireWeight('w', required), error);
  }
  checkpoint.requireWeight('w', [2, 3]);
});

test('fp8 weights without fitting scales are refused', () => {
  const codes = new Uint8Array(4);
  const bare = checkpointOf([tensor('w', 'F8_E4M3', [2, 2], codes)]);
  assert.throws(() => bare.readF32('w'), /must hold tensor w_scale_inv, but it is absent/);
  assert.throws(() => bare.requireWeight('w', [2, 2]), /must hold tensor w_scale_inv/);
  const wrong = checkpointOf([
    tensor('w', 'F8_E4M3', [2, 2], codes),
    tensor('w_scale_inv', 'F32', [1, 2], new Float32Array(2)),
  ]);
  assert.throws(() => wrong.readF32('w'), /w_scale_inv must have shape \[1, 1\], not \[1, 2\]/);
  const flat = checkpointOf([tensor('w', 'F8_E4M3', [4], codes)]);
  assert.throws(() => flat.readF32('w'), /must have two extents, .* not \[4\]/);
});

test('a NaN or an infinity in weights is found, with its tensor and index', () => {
  const values = new Float32Array(10);
  values[7] = -Infinity;
  const checkpoint = checkpointOf([
    tensor('f32', 'F32', [5, 2], values),
    tensor('bf16', 'BF16', [2], Uint16Array.of(0x3f80, 0x7fc1)),
    tensor('f16', 'F16', [2], Uint16Array.of(0x7c00, 0)),
    tensor('f8', 'F8_E4M3', [1, 3], Uint8Array.of(0, 1, 0xff)),
    tensor('f8_scale_inv', 'F32', [1, 1], Float32Array.of(1)),
    tensor('g8', 'F8_E4M3', [1, 1], Uint8Array.of(0x7e)),
    tensor('g8_scale_inv', 'F32', [1, 1], Float32Array.of(3e38)),
  ]);
  const found = { f32: '-Infinity at index 7', bf16: 'NaN at index 1', f16: 'Infinity at index 0' };
  const all = { ...found, f8: 'NaN at index 2', g8: 'Infinity at index 0' };
  for (const [name, what] of Object.entries(all)) {
    assert.throws(() => checkpoint.readF32(name), {
      name: FormatError.name,
      message: `weights must be finite, not ${what}`,
      where: `tensor ${name} in w.safetensors`,
    });
  }
  assert.throws(() => checkpoint.readRows('f32', 3, 1), /-Infinity at index 7/);
  assert.deepEqual(checkpoint.readRows('f32', 4, 1), new Float32Array(2));
});

test('a table of integers is read where it is asked for, each exact', () => {
  const read = (values: bigint[]): Float32Array =>
    checkpointOf([tensor('t', 'I64', [values.length], BigInt64Array.from(values))]).readF32(
      't',
      [values.length],
      'integers',
    );
  assert.deepEqual(read([0n, 7n, 2n ** 24n]), Float32Array.of(0, 7, 2 ** 24));
  assert.throws(() => read([2n ** 24n + 1n]), /weights must be finite, not NaN at index 0/);
  assert.throws(
    () => checkpointOf([tensor('t', 'F32', [1], Float32Array.of(1))]).readF32('t', [1], 'integers'),
    /a table of integers must be stored as I32, I64, not F32/,
  );
});

test('integers are listed but not read as weights', () => {
  const checkpoint = checkpointOf([tensor('ids', 'I32', [2], Int32Array.of(1, 2))]);
  assert.equal(checkpoint.info('ids').dtype, 'I32');
  assert.throws(() => checkpoint.readF32('ids'), {
    name: UnsupportedError.name,
    message: 'weights must be stored as F32, F16, BF16, or as quantization_config says, not I32',
  });
});

test('quantisations that are not known are refused on opening', () => {
  const refused: [JsonRecord, RegExp][] = [
    [{ quant_method: 'aqlm', bits: 2 }, /quant_method must be one of fp8, awq, .*, not "aqlm"/],
    [{ quant_method: 'gptq', bits: 3 }, /bits must be 2, 4 or 8, not 3/],
    [{ quant_method: 'fp8', weight_block_size: [64, 64] }, /or \[32, 32\], not \[64, 64\]/],
    [{ quant_method: 'fp8', weight_block_size: [128, 128], fmt: 'e5m2' }, /fmt must be "e4m3"/],
  ];
  for (const [quantization, message] of refused) {
    assert.throws(
      () => checkpointOf([], { quantization_config: quantization }),
      (error) => error instanceof UnsupportedError && message.test(error.message),
    );
  }
});

test('a tensor larger than any piece of memory is refused before it is read', () => {
  const source = memorySource('w.safetensors', new Uint8Array(0));
  const stored = { name: 'w', source, dtype: 'F32' as const, shape: [2 ** 40], offset: 0 };
  const tensors = new Map([['w', { ...stored, sizeBytes: 2 ** 42 }]]);
  const generation = parseGeneration({}, {}, 'generation_config.json');
  const checkpoint = createCheckpoint({ folder: 'model', config: {}, generation, tensors });
  assert.throws(() => checkpoint.readF32('w'), {
    name: CapacityError.name,
    message: 'reading needs 4.00 TiB of memory in one piece',
    where: 'tensor w in w.safetensors',
  });
});

test('closing a checkpoint closes each of its files once', () => {
  let closed = 0;
  const bytes = encodeSafetensors([
    tensor('a', 'U8', [1], new Uint8Array(1)),
    tensor('b', 'U8', [1], new Uint8Array(1)),
  ]);
  const source = { ...memorySource('w.safetensors', bytes), close: () => void closed++ };
  const generation = parseGeneration({}, {}, 'generation_config.json');
  const tensors = readSafetensorsHeader(source);
  createCheckpoint({ folder: 'model', config: {}, generation, tensors }).close();
  assert.equal(closed, 1);
});

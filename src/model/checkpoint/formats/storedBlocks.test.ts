/** Blocks that targets take hold the values of the tensors that they are made from. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { F8E4M3_VALUES, memorySource, Random, type JsonRecord } from '../../../base/index.ts';
import type { StoredRows } from '../../../ir/index.ts';
import { createCheckpoint, type Checkpoint } from '../checkpoint.ts';
import { encodeSafetensors } from '../encodeSafetensors.ts';
import { parseGeneration } from '../generation.ts';
import { ggmlTypeOf } from '../gguf/ggmlTypes.table.ts';
import { readSafetensorsHeader, type TensorDType } from '../safetensors.ts';

const random = new Random(6);

type Given = readonly [TensorDType, readonly number[], Uint8Array];

function checkpointOf(
  tensors: Readonly<Record<string, Given>>,
  quantization: JsonRecord,
): Checkpoint {
  const bytes = encodeSafetensors(
    Object.entries(tensors).map(([name, [dtype, shape, of]]) => ({
      name,
      dtype,
      shape,
      bytes: of,
    })),
  );
  return createCheckpoint({
    folder: 'model',
    config: { quantization_config: quantization },
    generation: parseGeneration({}, {}, 'generation_config.json'),
    tensors: readSafetensorsHeader(memorySource('w.safetensors', bytes)),
  });
}

function randomBytes(length: number, of: (byte: number) => number): Uint8Array {
  return Uint8Array.from({ length }, () => of(random.uint32() >>> 24));
}

function valuesOf({ format, rowBytes, readBytes }: StoredRows, start: number, count: number) {
  const bytes = readBytes(start, count);
  assert.equal(bytes.length, count * rowBytes);
  const blockBytes = format === 'E4M3' ? 36 : 17;
  const values = new Float32Array((bytes.length / blockBytes) * 32);
  if (format === 'MXFP4') ggmlTypeOf(format).decode!(bytes, values);
  else {
    const view = new DataView(bytes.buffer);
    for (let i = 0; i < values.length; i++) {
      const at = 36 * Math.floor(i / 32);
      values[i] = F8E4M3_VALUES[bytes[at + 4 + (i % 32)]!]! * view.getFloat32(at, true);
    }
  }
  return values.map((value) => value + 0);
}

function requireSame(checkpoint: Checkpoint, [rows, width]: readonly [number, number]): void {
  const stored = checkpoint.storedRows('w.weight')!;
  const required = checkpoint.readF32('w.weight').map((value) => value + 0);
  assert.deepEqual(valuesOf(stored, 0, rows), required);
  assert.deepEqual(valuesOf(stored, 33, 2), required.slice(33 * width, 35 * width));
}

const FINITE = (byte: number): number => byte & 0xfe;

test('rows of FP8: a scale beside each 32 codes', () => {
  for (const [block, width] of [
    [128, 320],
    [32, 96],
  ] as const) {
    const [rows, grid] = [200, [Math.ceil(200 / block), Math.ceil(width / block)]] as const;
    const scales = Float32Array.from({ length: grid[0]! * grid[1]! }, () => random.float());
    const checkpoint = checkpointOf(
      {
        'w.weight': ['F8_E4M3', [rows, width], randomBytes(rows * width, FINITE)],
        'w.weight_scale_inv': ['F32', grid, new Uint8Array(scales.buffer)],
      },
      { quant_method: 'fp8', weight_block_size: [block, block] },
    );
    requireSame(checkpoint, [rows, width]);
  }
});

test('rows of MXFP4: an exponent beside each 32 codes, in the order of ggml', () => {
  const [rows, width] = [40, 96];
  const checkpoint = checkpointOf(
    {
      'w.weight': ['I8', [rows, width / 2], randomBytes((rows * width) / 2, (byte) => byte)],
      'w.scale': ['F8_E8M0', [rows, width / 32], randomBytes((rows * width) / 32, (b) => b & 0x7f)],
    },
    { quant_method: 'fp8', weight_block_size: [128, 128] },
  );
  requireSame(checkpoint, [rows, width]);
});

test('rows whose blocks are not of 32 rows and columns have no such blocks', () => {
  const checkpoint = checkpointOf(
    {
      'w.weight': ['F8_E4M3', [64, 80], randomBytes(64 * 80, FINITE)],
      'w.weight_scale_inv': ['F32', [1, 1], new Uint8Array(Float32Array.of(1).buffer)],
    },
    { quant_method: 'fp8', weight_block_size: [128, 128] },
  );
  assert.equal(checkpoint.storedRows('w.weight'), undefined);
});

// node bin/run.cjs scripts/randomCheckpoint.ts MODEL FOLDER [SEED]
//
// Writes a checkpoint of the shapes of MODEL, a name of catalogue/models, with random weights: for runs
// that need the size of a published model and not its sense. BF16, one file, one tensor in memory at a
// time. The tokenizer is that of the demo model qwen3-tiny, whose ids are ids of any larger vocabulary.

import fs from 'node:fs';
import path from 'node:path';
import { Random, type JsonRecord } from '../src/base/index.ts';
import {
  buildGraph,
  parseModelConfig,
  readCatalogueModel,
  type ModelConfig,
} from '../src/model/index.ts';
import { encodeHeader } from '../src/model/checkpoint/encodeSafetensors.ts';
import { root } from './tree.ts';

export interface Tensor {
  readonly name: string;
  readonly shape: readonly number[];
}

/** Matrices are normal with this standard deviation, as models are before training. */
const DEVIATION = 0.02;
/** Vectors, which are gains, are 1 with this deviation. */
const GAIN_DEVIATION = 0.1;
/** A draw is the sum of four bytes less their mean, nearly normal: from −510 to 510. */
const DRAWS = 1021;
const DRAW_DEVIATION = Math.sqrt((4 * (256 ** 2 - 1)) / 12);
const FILES = ['tokenizer.json', 'tokenizer_config.json'];

/**
 * Writes the checkpoint of a configuration as config.json has it; the same seed writes the same bytes.
 * Throws as parseModelConfig does.
 */
export function writeRandomCheckpoint(raw: JsonRecord, folder: string, seed = 1): void {
  const tensors = tensorsOf(parseModelConfig(raw, 'config.json'));
  fs.mkdirSync(folder, { recursive: true });
  const { quantization_config: _, ...config } = raw;
  fs.writeFileSync(path.join(folder, 'config.json'), `${JSON.stringify(config, undefined, 2)}\n`);
  const demo = path.join(root, 'models', 'qwen3-tiny');
  for (const file of FILES) fs.copyFileSync(path.join(demo, file), path.join(folder, file));
  writeWeights(path.join(folder, 'model.safetensors'), tensors, new Random(seed));
}

/** What the graph of the model asks for. */
export function tensorsOf(model: ModelConfig): Tensor[] {
  const shapes = new Map<string, readonly number[]>();
  const reader = {
    has: () => false,
    requireWeight: (name: string, shape: readonly number[]) => void shapes.set(name, shape),
    readF32: (name: string): never => {
      throw new Error(`building a graph reads no weights, but read ${name}`);
    },
  };
  buildGraph(model, reader, { logits: 'last' });
  return [...shapes].map(([name, shape]) => ({ name, shape }));
}

function writeWeights(file: string, tensors: readonly Tensor[], random: Random): void {
  const header = encodeHeader(
    tensors.map((tensor) => ({ ...tensor, dtype: 'BF16', sizeBytes: 2 * countOf(tensor) })),
  );
  const matrix = halves(0, DEVIATION);
  const gains = halves(1, GAIN_DEVIATION);
  const out = fs.openSync(file, 'w');
  try {
    writeAll(out, header);
    for (const tensor of tensors)
      writeAll(out, drawn(countOf(tensor), tensor.shape.length === 1 ? gains : matrix, random));
  } finally {
    fs.closeSync(out);
  }
}

/** One write takes at most 2 GiB, and may take less than it is given. */
function writeAll(file: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;)
    at += fs.writeSync(file, bytes, at, Math.min(bytes.length - at, 2 ** 30));
}

function countOf({ shape }: Tensor): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

/** The bf16 of each draw, truncated. */
function halves(mean: number, deviation: number): Uint16Array {
  const values = Float32Array.from(
    { length: DRAWS },
    (_, i) => mean + ((i - (DRAWS - 1) / 2) / DRAW_DEVIATION) * deviation,
  );
  return Uint16Array.from(new Uint32Array(values.buffer), (bits) => bits >>> 16);
}

function drawn(count: number, values: Uint16Array, random: Random): Uint8Array {
  const elements = new Uint16Array(count);
  for (let i = 0; i < count; i++) {
    const bits = random.uint32();
    const sum = (bits & 255) + ((bits >>> 8) & 255) + ((bits >>> 16) & 255) + (bits >>> 24);
    elements[i] = values[sum]!;
  }
  return new Uint8Array(elements.buffer);
}

if (import.meta.main) {
  const [model, folder, seed] = process.argv.slice(2);
  if (model === undefined || folder === undefined) {
    console.error('usage: scripts/randomCheckpoint.ts MODEL FOLDER [SEED]');
    process.exitCode = 2;
  } else writeRandomCheckpoint(readCatalogueModel(model).raw, folder, Number(seed ?? 1));
}

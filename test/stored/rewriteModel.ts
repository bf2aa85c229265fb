/**
 * Writes a model anew in a format, and a twin with what the format then stands for as F32.
 *
 * Matrices of the layers are encoded, as publishers do; embeddings, head, norms, routers and what is no
 * matrix stay as stored. Experts that are stacked in one tensor are split, as in the quantised
 * checkpoints of those models; the twin keeps them stacked.
 */
import fs from 'node:fs';
import path from 'node:path';
import { openFileSource } from '../../src/base/index.ts';
import { openCheckpoint, type Checkpoint } from '../../src/model/index.ts';
import {
  encodeSafetensors,
  type TensorBytes,
} from '../../src/model/checkpoint/encodeSafetensors.ts';
import {
  readSafetensorsHeader,
  type StoredTensor,
} from '../../src/model/checkpoint/safetensors.ts';
import type { Writer } from './writers.ts';

/** What no publisher quantises. */
const LEFT =
  /embed|lm_head|^head|norm|conv1d|compressor|weights_proj|gate\.weight$|shared_expert_gate/;

export interface Rewritten {
  /** How many matrices were encoded. */
  readonly matrices: number;
}

/** Writes the model of `folder` to `target`, and its twin to `twin`. */
export function rewriteModel(
  folder: string,
  writer: Writer,
  { target, twin }: { readonly target: string; readonly twin: string },
): Rewritten {
  const checkpoint = openCheckpoint(folder);
  const [files, decoded]: [TensorBytes[], TensorBytes[]] = [[], []];
  let matrices = 0;
  for (const tensor of storedTensors(folder)) {
    const parts = partsOf(tensor, checkpoint, writer);
    if (parts === undefined) {
      files.push(asStored(tensor));
      decoded.push(asStored(tensor));
      continue;
    }
    const values = new Float32Array(tensor.shape.reduce((product, n) => product * n, 1));
    for (const { module, starts, rows, width } of parts) {
      const size = rows * width;
      const own = checkpoint.readF32(tensor.name).subarray(starts, starts + size);
      const written = writer.encode(module, { out: rows, width, values: own });
      values.set(written.values, starts);
      files.push(...written.tensors);
      matrices++;
    }
    decoded.push(plain(tensor, values));
  }
  checkpoint.close();
  write(target, { ...checkpoint.config, quantization_config: writer.settings }, files);
  write(twin, checkpoint.config, decoded);
  for (const written of [target, twin]) copyTokenizer(folder, written);
  return { matrices };
}

/** A matrix to be encoded: rows of a stored tensor from element `starts`. */
interface Part {
  readonly module: string;
  readonly starts: number;
  readonly rows: number;
  readonly width: number;
}

/** The matrices of a tensor, or undefined when it stays as it is. */
function partsOf(
  { name, shape }: StoredTensor,
  checkpoint: Checkpoint,
  { fits = () => true }: Writer,
): Part[] | undefined {
  const [experts = 0, stackedRows = 0, stackedWidth = 0] = shape;
  const stack = /^(.*\.experts)\.(gate_up_proj|down_proj)$/.exec(name);
  if (stack !== null) {
    const names = stack[2] === 'gate_up_proj' ? ['gate_proj', 'up_proj'] : ['down_proj'];
    const rows = stackedRows / names.length;
    return Array.from({ length: experts * names.length }, (_, i) => ({
      module: `${stack[1]}.${Math.floor(i / names.length)}.${names[i % names.length]}`,
      starts: i * rows * stackedWidth,
      rows,
      width: stackedWidth,
    }));
  }
  const isMatrix = shape.length === 2 && name.endsWith('.weight') && !LEFT.test(name);
  if (!isMatrix || !fits(shape[0]!, shape[1]!) || !checkpoint.has(name)) return undefined;
  return [
    { module: name.slice(0, -'.weight'.length), starts: 0, rows: shape[0]!, width: shape[1]! },
  ];
}

function storedTensors(folder: string): StoredTensor[] {
  const files = fs.readdirSync(folder).filter((file) => file.endsWith('.safetensors'));
  return files.flatMap((file) => [
    ...readSafetensorsHeader(openFileSource(path.join(folder, file))).values(),
  ]);
}

function asStored({ name, dtype, shape, source, offset, sizeBytes }: StoredTensor): TensorBytes {
  return { name, dtype, shape, bytes: source.read(offset, sizeBytes) };
}

function plain({ name, shape }: StoredTensor, values: Float32Array): TensorBytes {
  return { name, dtype: 'F32', shape, bytes: new Uint8Array(values.buffer) };
}

/** Tables by n-gram follow from the tokenizer, so models that have them come with one. */
function copyTokenizer(from: string, to: string): void {
  const file = path.join(from, 'tokenizer.json');
  if (fs.existsSync(file)) fs.copyFileSync(file, path.join(to, 'tokenizer.json'));
}

function write(folder: string, config: object, tensors: readonly TensorBytes[]): void {
  fs.mkdirSync(folder);
  fs.writeFileSync(path.join(folder, 'config.json'), JSON.stringify(config));
  fs.writeFileSync(path.join(folder, 'model.safetensors'), encodeSafetensors(tensors));
}

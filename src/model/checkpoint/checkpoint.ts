/**
 * A checkpoint: a model's configuration and its weights by name, read when asked for.
 *
 * This is all that the families know of the files: no dtype, shard or scale is visible to them.
 */
import { FormatError, ShapeError, UsageError } from '../../base/index.ts';
import type { JsonRecord } from '../../base/index.ts';
import type { GenerationConfig } from './generation.ts';
import { weightBlockShape } from './quantization.ts';
import type { StoredTensor, TensorDType } from './safetensors.ts';
import { readRowsF32, requireReadable } from './tensorValues.ts';
import type { BlockScales, WeightKind } from './tensorValues.ts';

/** How a tensor is stored. */
export interface TensorInfo {
  readonly dtype: TensorDType;
  readonly shape: readonly number[];
  readonly sizeBytes: number;
}

/** An open checkpoint. Reads throw FormatError, ShapeError or UnsupportedError naming the tensor. */
export interface Checkpoint {
  /** Where it was opened, for messages. */
  readonly folder: string;
  /** The configuration as stored; parseModelConfig checks it. */
  readonly config: JsonRecord;
  readonly generation: GenerationConfig;
  /** Names of all stored tensors, scales of quantised weights included, sorted. */
  tensorNames(): string[];
  has(name: string): boolean;
  info(name: string): TensorInfo;
  /** Throws as readF32 does for an absent tensor, shape or format, but reads no values. */
  requireWeight(name: string, requiredShape: readonly number[], kind?: WeightKind): void;
  /**
   * Read a whole tensor as f32, dequantised. With `requiredShape`, throws ShapeError unless the
   * stored shape is that one. A table of integers is read as such only where `kind` says so, and
   * each must be exact.
   */
  readF32(name: string, requiredShape?: readonly number[], kind?: WeightKind): Float32Array;
  /** Read `count` rows from row `start` of a tensor as f32, dequantised; a row is all but the first extent. */
  readRows(name: string, start: number, count: number): Float32Array;
  /** Close the files; no read may follow. */
  close(): void;
}

/** What an opened folder holds. */
export interface CheckpointParts {
  readonly folder: string;
  readonly config: JsonRecord;
  readonly generation: GenerationConfig;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

/** Make a checkpoint of a configuration and stored tensors. Throws UnsupportedError for an unknown quantisation. */
export function createCheckpoint(parts: CheckpointParts): Checkpoint {
  return new StoredCheckpoint(parts);
}

class StoredCheckpoint implements Checkpoint {
  readonly folder: string;
  readonly config: JsonRecord;
  readonly generation: GenerationConfig;
  readonly #tensors: ReadonlyMap<string, StoredTensor>;
  readonly #blockShape: readonly [rows: number, columns: number];

  constructor({ folder, config, generation, tensors }: CheckpointParts) {
    this.folder = folder;
    this.config = config;
    this.generation = generation;
    this.#tensors = tensors;
    this.#blockShape = weightBlockShape(config, folder);
  }

  tensorNames(): string[] {
    return [...this.#tensors.keys()].toSorted();
  }

  has(name: string): boolean {
    return this.#tensors.has(name);
  }

  info(name: string): TensorInfo {
    const { dtype, shape, sizeBytes } = this.#tensor(name);
    return { dtype, shape, sizeBytes };
  }

  requireWeight(name: string, requiredShape: readonly number[], kind?: WeightKind): void {
    const tensor = this.#tensor(name);
    requireShape(tensor, requiredShape);
    requireReadable(tensor, kind);
    this.#scaleTensor(tensor);
  }

  readF32(name: string, requiredShape?: readonly number[], kind?: WeightKind): Float32Array {
    const tensor = this.#tensor(name);
    if (requiredShape) requireShape(tensor, requiredShape);
    return readRowsF32(tensor, 0, rowCount(tensor), this.#scales(tensor), kind);
  }

  readRows(name: string, start: number, count: number): Float32Array {
    const tensor = this.#tensor(name);
    requireRows(tensor, start, count);
    return readRowsF32(tensor, start, count, this.#scales(tensor));
  }

  close(): void {
    for (const source of new Set(this.#tensors.values().map((tensor) => tensor.source))) {
      source.close();
    }
  }

  #tensor(name: string): StoredTensor {
    const tensor = this.#tensors.get(name);
    if (tensor) return tensor;
    throw new FormatError(`the checkpoint must hold tensor ${name}, but it is absent`, {
      where: this.folder,
      hint: 'check that config.json and the weights belong to the same model',
    });
  }

  #scales(tensor: StoredTensor): BlockScales | undefined {
    const scales = this.#scaleTensor(tensor);
    if (scales === undefined) return undefined;
    const [rows, columns] = this.#blockShape;
    return { rows, columns, values: readRowsF32(scales, 0, rowCount(scales)) };
  }

  /** The scales of an F8_E4M3 matrix, in the shape that it needs. */
  #scaleTensor(tensor: StoredTensor): StoredTensor | undefined {
    if (tensor.dtype !== 'F8_E4M3') return undefined;
    const [rows, columns] = this.#blockShape;
    const [height, width, ...rest] = tensor.shape;
    if (height === undefined || width === undefined || rest.length > 0) {
      throw shapeError(tensor, 'two extents, because F8_E4M3 weights are scaled in blocks');
    }
    const scales = this.#tensor(`${tensor.name}_scale_inv`);
    requireShape(scales, [Math.ceil(height / rows), Math.ceil(width / columns)]);
    return scales;
  }
}

function rowCount({ shape }: StoredTensor): number {
  return shape[0] ?? 1;
}

function requireShape(tensor: StoredTensor, required: readonly number[]): void {
  const { shape } = tensor;
  const same =
    shape.length === required.length && shape.every((extent, i) => extent === required[i]);
  if (!same) throw shapeError(tensor, `shape [${required.join(', ')}]`);
}

function shapeError({ name, shape, source }: StoredTensor, requirement: string): ShapeError {
  return new ShapeError(`tensor ${name} must have ${requirement}, not [${shape.join(', ')}]`, {
    where: source.name,
    hint: 'check that config.json and the weights belong to the same model',
  });
}

function requireRows(tensor: StoredTensor, start: number, count: number): void {
  const rows = rowCount(tensor);
  const integers = Number.isInteger(start) && Number.isInteger(count);
  if (integers && start >= 0 && count >= 0 && start + count <= rows) return;
  throw new UsageError(
    `rows must lie within the ${rows} of the tensor, not be ${count} from ${start}`,
    {
      where: `tensor ${tensor.name} in ${tensor.source.name}`,
    },
  );
}

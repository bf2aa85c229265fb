/**
 * A checkpoint: a model's configuration and its weights by name, read when asked for.
 *
 * This is all that the families know of the files: no dtype, shard or scale is visible to them.
 */
import { UsageError } from '../../base/index.ts';
import type { ByteSource, JsonRecord } from '../../base/index.ts';
import type { StoredPart, StoredRows } from '../../ir/index.ts';
import { contentKeyOf } from './contentKey.ts';
import { absent, TensorSet } from './formats/format.ts';
import type { GenerationConfig } from './generation.ts';
import { quantizationOf } from './quantization.ts';
import type { StoredTensor } from './safetensors.ts';
import { integerTable } from './tensorValues.ts';
import type { WeightKind } from './tensorValues.ts';
import { placeOf, readRowsF32, requireShape, rowCount } from './weight.ts';
import type { Weight } from './weight.ts';

/** How a tensor is stored. */
export interface TensorInfo {
  readonly dtype: string;
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
  /** What its makers compute otherwise than f32 does, if anything. */
  readonly note?: string;
  /** Names of all stored tensors, scales of quantised weights included, sorted. */
  tensorNames(): string[];
  /** Whether there is such a weight, stored in whatever way. */
  has(name: string): boolean;
  /** How the stored tensor `name` is stored. */
  info(name: string): TensorInfo;
  /** Names of the stored tensors that a weight is read from. */
  storedNames(name: string, kind?: WeightKind): string[];
  /** Throws as readF32 does for an absent tensor, shape or format, but reads no values. */
  requireWeight(name: string, requiredShape: readonly number[], kind?: WeightKind): void;
  /**
   * Read a whole weight as f32, dequantised. With `requiredShape`, throws ShapeError unless it has
   * that shape. A table of integers is read as such only where `kind` says so, and each must be exact.
   */
  readF32(name: string, requiredShape?: readonly number[], kind?: WeightKind): Float32Array;
  /** Read `count` rows from row `start` of a weight as f32, dequantised; a row is all but the first extent. */
  readRows(name: string, start: number, count: number): Float32Array;
  /** The rows of a weight as they are stored, where they are whole rows of a known format. */
  storedRows(name: string): StoredRows | undefined;
  /** Identifies the content, without reading all of it; undefined where the files cannot tell when they changed. */
  contentKey(): string | undefined;
  /** What is stored apart for a part of a weight. */
  storedPart(name: string, part: string): StoredPart | undefined;
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

/** What any checkpoint is made of: its tensors, and where the weights are in them. */
export interface CheckpointSource extends Omit<CheckpointParts, 'tensors'> {
  readonly tensors: ReadonlyMap<string, StoredTensor<string>>;
  readonly note?: string;
  readonly locate: (name: string) => Weight | undefined;
  /** The tensor in which a weight lies as it is, undefined if none; its own name where absent. */
  readonly storedName?: (name: string) => string | undefined;
}

/** Make a checkpoint of a configuration and stored tensors. Throws UnsupportedError for an unknown quantisation. */
export function createCheckpoint(parts: CheckpointParts): Checkpoint {
  const { tensors, config, folder } = parts;
  return locatedCheckpoint({
    ...parts,
    ...quantizationOf(config, new TensorSet(tensors, folder), folder),
  });
}

/** Make a checkpoint whose weights `locate` finds. */
export function locatedCheckpoint(source: CheckpointSource): Checkpoint {
  return new StoredCheckpoint(source);
}

class StoredCheckpoint implements Checkpoint {
  readonly folder: string;
  readonly config: JsonRecord;
  readonly generation: GenerationConfig;
  readonly note?: string;
  readonly #tensors: ReadonlyMap<string, StoredTensor<string>>;
  readonly #locate: (name: string) => Weight | undefined;
  readonly #storedName: (name: string) => string | undefined;

  constructor(source: CheckpointSource) {
    const { folder, config, generation, tensors, note, locate } = source;
    this.folder = folder;
    this.config = config;
    this.generation = generation;
    if (note !== undefined) this.note = note;
    this.#tensors = tensors;
    this.#locate = locate;
    this.#storedName = source.storedName ?? ((name) => name);
  }

  tensorNames(): string[] {
    return [...this.#tensors.keys()].toSorted();
  }

  has(name: string): boolean {
    return this.#tensors.has(name) || this.#locate(name) !== undefined;
  }

  info(name: string): TensorInfo {
    const tensor = this.#tensors.get(name);
    if (tensor === undefined) throw absent(name, this.folder);
    const { dtype, shape, sizeBytes } = tensor;
    return { dtype, shape, sizeBytes };
  }

  storedNames(name: string, kind?: WeightKind): string[] {
    return this.#weight(name, undefined, kind).stored.map((tensor) => tensor.name);
  }

  requireWeight(name: string, requiredShape: readonly number[], kind?: WeightKind): void {
    this.#weight(name, requiredShape, kind);
  }

  readF32(name: string, requiredShape?: readonly number[], kind?: WeightKind): Float32Array {
    const weight = this.#weight(name, requiredShape, kind);
    return readRowsF32(weight, 0, rowCount(weight.shape));
  }

  readRows(name: string, start: number, count: number): Float32Array {
    const weight = this.#weight(name);
    requireRows(weight, start, count);
    return readRowsF32(weight, start, count);
  }

  storedRows(name: string): StoredRows | undefined {
    return this.#weight(name).rows;
  }

  contentKey(): string | undefined {
    return contentKeyOf(this.#sources(), this.config);
  }

  storedPart(name: string, part: string): StoredPart | undefined {
    return this.#weight(name).parts?.[part];
  }

  close(): void {
    for (const source of this.#sources()) source.close();
  }

  #sources(): ByteSource[] {
    return [...new Set(this.#tensors.values().map((tensor) => tensor.source))];
  }

  #weight(name: string, requiredShape?: readonly number[], kind?: WeightKind): Weight {
    const weight = kind === 'integers' ? this.#integers(name) : this.#locate(name);
    if (weight === undefined) throw absent(name, this.folder);
    const { source } = weight.stored[0];
    if (requiredShape) requireShape({ name, shape: weight.shape, source }, requiredShape);
    return weight;
  }

  #integers(name: string): Weight | undefined {
    const tensor = this.#tensors.get(this.#storedName(name) ?? '');
    return tensor && integerTable(tensor);
  }
}

function requireRows({ shape, stored }: Weight, start: number, count: number): void {
  const rows = rowCount(shape);
  const integers = Number.isInteger(start) && Number.isInteger(count);
  if (integers && start >= 0 && count >= 0 && start + count <= rows) return;
  throw new UsageError(
    `rows must lie within the ${rows} of the tensor, not be ${count} from ${start}`,
    { where: placeOf(stored[0]) },
  );
}

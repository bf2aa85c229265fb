/** Brings the weights of a model into a device's memory: from what they are stored in, or from an image of an earlier run. */
import { UsageError } from '../../base/index.ts';
import { countElements, type WeightSource } from '../../ir/index.ts';
import type { WasmMemory } from '../../wasm/index.ts';
import type { CpuProgram } from './emit.ts';
import type { ImageStore, MemoryRegion } from './images/imageStore.ts';
import { MEMORY_SPAN } from './kernels/memories.ts';
import { ALIGNMENT_BYTES } from './kernels/vectors.ts';
import type { PlacedWeights } from './weightPlaces.ts';
import type { Readers } from './loading/readers.node.ts';
import { finishSlices, makeProgress } from './loading/slices.ts';
import { openPacker } from './panels/packer.ts';
import {
  fileSliceOf,
  isAsStored,
  packWeightSlice,
  slicesOf,
  type WeightSlice,
} from './weightStorage.ts';

/** Weights that are compared with what they are stored in before an image is believed. */
const COMPARED = 8;
/** Larger ones are not read in whole to be compared. */
const COMPARED_ELEMENTS = 2 ** 16;

/** The weights of one memory. */
interface Region extends MemoryRegion {
  readonly number: number;
  readonly weights: readonly PlacedWeight[];
}

/** A name and an address. */
type PlacedWeight = readonly [name: string, address: number];

export interface LoadingOptions {
  readonly images?: ImageStore | undefined;
  /** Where memories are shared. */
  readonly readers?: Readers | undefined;
}

/**
 * Begins to fill the memories, which hold zeros, with the weights: other threads may read them while this one does
 * something else. What is returned does the rest, and throws what reading a weight throws.
 */
export function loadWeights(
  program: CpuProgram,
  { weights, ends }: PlacedWeights,
  memories: readonly WasmMemory[],
  { images, readers }: LoadingOptions,
): () => void {
  const regions = memories.map((memory, number): Region => {
    const own = [...weights]
      .filter(([, place]) => Math.floor(place / MEMORY_SPAN) === number)
      .map(([name, place]): PlacedWeight => [name, place - number * MEMORY_SPAN]);
    const bytes = ends[number]! - ALIGNMENT_BYTES;
    return { number, memory, address: ALIGNMENT_BYTES, bytes, weights: own };
  });
  if (images === undefined) return prepareWeights(program, regions, readers);
  return () => {
    const missing = regions.filter((region) => !hasImage(program, region, images));
    prepareWeights(program, missing, readers)();
    for (const region of missing) images.save(imageName(program, region.weights), region);
  };
}

/** Whether there was an image that may be believed; else the region holds zeros. */
function hasImage(program: CpuProgram, region: Region, images: ImageStore): boolean {
  const { memory, address, bytes, weights } = region;
  if (!images.load(imageName(program, weights), region)) return false;
  if (isImageOf(program, weights, memory)) return true;
  new Uint8Array(memory.buffer, address, bytes).fill(0);
  return false;
}

/** Begins to read weights as they are stored; what is returned does the rest. */
function prepareWeights(
  program: CpuProgram,
  regions: readonly Region[],
  readers: Readers | undefined,
): () => void {
  const { graph, storage } = program;
  const slices = regions.flatMap(({ number, weights }) =>
    weights.flatMap(([name, address]) => {
      const format = storage.get(name);
      return format ? slicesOf(graph.weights.get(name)!, format, number, address) : [];
    }),
  );
  const finish = shareSlices(slices, regions, readers);
  return () => {
    for (const { memory, weights } of regions)
      for (const [name, address] of weights)
        if (!storage.has(name)) loadFloats(program, name, address, memory);
    finish();
  };
}

/** Readers begin with what they can do; what is returned takes a part too, and waits until all are packed. */
function shareSlices(
  slices: readonly WeightSlice[],
  regions: readonly Region[],
  readers: Readers | undefined,
): () => void {
  const inFiles = slices.flatMap((slice, i) => {
    const found = fileSliceOf(slice);
    return found ? [[i, found] as const] : [];
  });
  const progress = makeProgress(slices.length, readers !== undefined);
  const memories = new Map(regions.map(({ number, memory }) => [number, memory]));
  readers?.begin({ slices: inFiles, progress, memories });
  return () => {
    const packers = new Map(memories.entries().map(([i, memory]) => [i, openPacker(memory)]));
    finishSlices([...slices.entries()], progress, (slice) =>
      packWeightSlice(slice, packers.get(slice.memory)!),
    );
  };
}

function loadFloats(
  { graph, model }: CpuProgram,
  name: string,
  address: number,
  { buffer }: WasmMemory,
): void {
  const values = graph.weights.get(name)!.load();
  const experts = model.expertTables.get(name);
  if (experts !== undefined) requireExperts(name, values, experts);
  new Float32Array(buffer, address, values.length).set(values);
}

/** Names an image by all that decides where what lies. */
function imageName({ graph, storage }: CpuProgram, weights: readonly PlacedWeight[]): string {
  const entries = weights.map(([name, address]) => {
    const { shape } = graph.weights.get(name)!;
    return [name, address, storage.get(name) ?? 'f32', ...shape];
  });
  return JSON.stringify(entries);
}

/** Whether some weights are as they would be loaded: an image may be of a program that prepared them in another way. */
function isImageOf(
  { graph, storage }: CpuProgram,
  weights: readonly PlacedWeight[],
  { buffer }: WasmMemory,
): boolean {
  const named = weights.map(([name, address]) => ({
    address,
    source: graph.weights.get(name)!,
    format: storage.get(name),
  }));
  const panels = named.filter(({ format }) => format !== undefined);
  const small = named.filter(({ source, format }) => format === undefined && isSmall(source));
  return (
    spread(panels).every(({ source, format, address }) =>
      isAsStored(source, format!, new Uint8Array(buffer, address)),
    ) &&
    spread(small).every(({ source, address }) => {
      const values = source.load();
      const kept = new Float32Array(buffer, address, values.length);
      return values.every((value, i) => Object.is(value, kept[i]));
    })
  );
}

function isSmall({ shape }: WeightSource): boolean {
  return countElements(shape) <= COMPARED_ELEMENTS;
}

/** At most so many of them, evenly spaced. */
function spread<T>(all: readonly T[]): T[] {
  const step = Math.max(1, Math.floor(all.length / COMPARED));
  return all.filter((_, i) => i % step === 0).slice(0, COMPARED);
}

/** A kernel writes to the places that a table of experts names, so they must be of experts. */
function requireExperts(name: string, values: Float32Array, count: number): void {
  const wrong = values.find((e) => !(Number.isInteger(e) && e >= 0 && e < count));
  if (wrong === undefined) return;
  throw new UsageError(`the experts of a token must be from 0 to ${count - 1}, not ${wrong}`, {
    where: name,
  });
}

/** Brings the weights of a model into a device's memory: from what they are stored in, or from an image of an earlier run. */
import { UsageError } from '../../base/index.ts';
import { countElements, type WeightSource } from '../../ir/index.ts';
import { type WasmMemory } from '../../wasm/index.ts';
import { type CpuProgram } from './emit.ts';
import { type ImageStore, type MemoryRegion } from './images/imageStore.ts';
import { MEMORY_SPAN } from './kernels/bind.ts';
import { ALIGNMENT_BYTES } from './kernels/vectors.ts';
import { type PlacedWeights } from './weightPlaces.ts';
import { openPacker, type Packer } from './panels/packer.ts';
import { isAsStored, loadPanels } from './weightStorage.ts';

/** Weights that are compared with what they are stored in before an image is believed. */
const COMPARED = 8;
/** Larger ones are not read in whole to be compared. */
const COMPARED_ELEMENTS = 2 ** 16;

/** Fills the memories, which hold zeros, with the weights. Throws what reading one throws. */
export function loadWeights(
  program: CpuProgram,
  { weights, ends }: PlacedWeights,
  memories: readonly WasmMemory[],
  images?: ImageStore,
): void {
  for (const [i, memory] of memories.entries()) {
    const own = [...weights]
      .filter(([, place]) => Math.floor(place / MEMORY_SPAN) === i)
      .map(([name, place]): PlacedWeight => [name, place - i * MEMORY_SPAN]);
    fillMemory(program, own, memory, ends[i]! - ALIGNMENT_BYTES, images);
  }
}

/** A name and an address. */
type PlacedWeight = readonly [name: string, address: number];

function fillMemory(
  program: CpuProgram,
  weights: readonly PlacedWeight[],
  memory: WasmMemory,
  bytes: number,
  images: ImageStore | undefined,
): void {
  const region: MemoryRegion = { memory, address: ALIGNMENT_BYTES, bytes };
  const name = imageName(program, weights);
  if (images?.load(name, region)) {
    if (isImageOf(program, weights, memory)) return;
    new Uint8Array(memory.buffer, region.address, bytes).fill(0);
  }
  const packer = openPacker(memory);
  for (const [weight, address] of weights) loadWeight(program, weight, address, memory, packer);
  images?.save(name, region);
}

function loadWeight(
  { graph, expertTables, storage }: CpuProgram,
  name: string,
  address: number,
  { buffer }: WasmMemory,
  packer: Packer,
): void {
  const source = graph.weights.get(name)!;
  const format = storage.get(name);
  if (format !== undefined) {
    loadPanels(source, format, packer, address);
    return;
  }
  const values = source.load();
  const experts = expertTables.get(name);
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

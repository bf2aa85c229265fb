/**
 * Which weight lies where. All are in the first memory while they leave room there for states and activations; else
 * panels fill further memories one after another, and the others stay in the first.
 */
import { CapacityError } from '../../base/index.ts';
import type { CpuProgram } from './emit.ts';
import { MEMORY_SPAN } from './kernels/memories.ts';
import { ALIGNMENT_BYTES, alignBytes } from './kernels/vectors.ts';
import { weightBytes } from './weightStorage.ts';

export interface PlacedWeights {
  /** Addresses in the order of use: that in a memory, plus the number of the memory times MEMORY_SPAN. */
  readonly weights: ReadonlyMap<string, number>;
  /** Of each memory, the first byte after its weights. */
  readonly ends: readonly number[];
}

/** The part of the first memory that weights may take. */
const SHARE = 3 / 4;

/** Places the weights of a model in memories of `memoryBytes`. Throws CapacityError for a weight larger than one. */
export function placeWeights(program: CpuProgram, memoryBytes: number): PlacedWeights {
  const names = [...program.model.weights];
  const together = placeIn(program, names, Infinity, 0);
  if (together.ends[0]! <= SHARE * memoryBytes || program.storage.size === 0) return together;
  const isPanels = (name: string): boolean => program.storage.has(name);
  const first = placeIn(
    program,
    names.filter((name) => !isPanels(name)),
    Infinity,
    0,
  );
  const others = placeIn(program, names.filter(isPanels), memoryBytes, 1);
  const places = new Map([...first.weights, ...others.weights]);
  return {
    weights: new Map(names.map((name) => [name, places.get(name)!])),
    ends: [...first.ends, ...others.ends],
  };
}

/** Places weights one after another, from the start of memory number `memory` on; each is whole in one memory. */
function placeIn(
  { graph, storage }: CpuProgram,
  names: readonly string[],
  memoryBytes: number,
  memory: number,
): PlacedWeights {
  const weights = new Map<string, number>();
  const ends = [ALIGNMENT_BYTES];
  for (const name of names) {
    const bytes = alignBytes(weightBytes(graph.weights.get(name)!, storage.get(name)));
    if (ends.at(-1)! + bytes > memoryBytes) ends.push(ALIGNMENT_BYTES);
    const last = ends.length - 1;
    if (ends[last]! + bytes > memoryBytes) {
      throw new CapacityError(
        `a weight must fit in the ${memoryBytes} bytes of a 32-bit memory, not be ${bytes}`,
        { where: name, hint: 'use a checkpoint with fewer bits a weight' },
      );
    }
    weights.set(name, (memory + last) * MEMORY_SPAN + ends[last]!);
    ends[last]! += bytes;
  }
  return { weights, ends };
}

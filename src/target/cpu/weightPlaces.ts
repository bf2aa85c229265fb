/**
 * Which weight lies where. All are in the first memory while they leave room there for states and activations; else
 * panels fill further memories one after another, and the others stay in the first.
 */
import { CapacityError } from '../../base/index.ts';
import { topologicalOrder, type NodeOf } from '../../ir/index.ts';
import { type CpuProgram } from './emit.ts';
import { MEMORY_SPAN } from './kernels/bind.ts';
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

/** Places the weights of a model in memories of `memoryBytes`. Throws CapacityError for weights larger than one. */
export function placeWeights(program: CpuProgram, memoryBytes: number): PlacedWeights {
  const together = placeIn(
    program,
    [...program.weights].map((name) => [name]),
    Infinity,
    0,
  );
  if (together.ends[0]! <= SHARE * memoryBytes || program.storage.size === 0) return together;
  const names = [...program.weights];
  const first = placeIn(
    program,
    names.filter((name) => !program.storage.has(name)).map((name) => [name]),
    Infinity,
    0,
  );
  const others = placeIn(program, panelGroups(program), memoryBytes, 1);
  const places = new Map([...first.weights, ...others.weights]);
  return {
    weights: new Map(names.map((name) => [name, places.get(name)!])),
    ends: [...first.ends, ...others.ends],
  };
}

/** Places groups one after another, from the start of memory number `memory` on; a group is in one memory. */
function placeIn(
  { graph, storage }: CpuProgram,
  groups: readonly (readonly string[])[],
  memoryBytes: number,
  memory: number,
): PlacedWeights {
  const weights = new Map<string, number>();
  const ends = [ALIGNMENT_BYTES];
  const bytesOf = (name: string): number =>
    alignBytes(weightBytes(graph.weights.get(name)!, storage.get(name)));
  for (const group of groups) {
    const bytes = group.reduce((sum, name) => sum + bytesOf(name), 0);
    if (ends.at(-1)! + bytes > memoryBytes) ends.push(ALIGNMENT_BYTES);
    if (ends.at(-1)! + bytes > memoryBytes) {
      throw new CapacityError(
        `weights that one kernel reads must fit in the ${memoryBytes} bytes of a 32-bit memory, not be ${bytes}`,
        { where: group.join(', '), hint: 'use a checkpoint with fewer bits a weight' },
      );
    }
    for (const name of group) {
      const last = ends.length - 1;
      weights.set(name, (memory + last) * MEMORY_SPAN + ends[last]!);
      ends[last]! += bytesOf(name);
    }
  }
  return { weights, ends };
}

/** Weights in panels, in the order of use; those of the gates and the inner products of experts are read by one kernel. */
function panelGroups({ graph, weights, storage }: CpuProgram): string[][] {
  const groups = new Map<string, string[]>();
  for (const name of weights) if (storage.has(name)) groups.set(name, [name]);
  for (const { op, inputs } of topologicalOrder(graph)) {
    if (op !== 'experts') continue;
    const [gate, up] = [inputs[2], inputs[3]].map(
      (input) => (input as NodeOf<'weight'>).attrs.name,
    );
    const [one, other] = [groups.get(gate!), groups.get(up!)];
    if (one === undefined || other === undefined || one === other) continue;
    one.push(...other);
    for (const name of other) groups.set(name, one);
  }
  return [...new Set(groups.values())];
}

/** The schedule: the nodes of the graph in order, each as its steps, on buffers without addresses. */
import { UnsupportedError } from '../../base/index.ts';
import type { PlannedBuffer, Region, Schedule } from '../../compile/index.ts';
import { topologicalOrder, type Dims, type Graph, type Node } from '../../ir/index.ts';
import { MEMORY_LIMIT_BYTES } from './kernels/memories.ts';
import { isByToken, nodesOfLastToken } from './lastRows.ts';
import { shift, type Place } from './lowering.ts';
import { lowerNode } from './lowerings.ts';
import type { WeightStorage } from './weightStorage.ts';
import { StepList, type Feeds, type Step, type Unplaced } from './steps.ts';

/** Steps on buffers that have no address yet. */
export interface CpuSchedule extends Schedule {
  readonly steps: readonly Step<Unplaced>[];
  readonly feeds: Feeds<Unplaced>;
  /** How the weights are kept. */
  readonly storage: WeightStorage;
  /** Memory that each thread needs for itself. */
  readonly scratchBytes: number;
  /** Where the outputs of the graph are when all steps have run. */
  readonly outputs: ReadonlyMap<string, Unplaced>;
}

/** Buffers of more than a line are packed: what is used again soon is in a cache still. */
const BANK_BYTES = 64;

/** The arena, with room for all buffers side by side: how much of it is used, the plan decides. */
function arenaFor(buffers: readonly PlannedBuffer[]): Region {
  const bytes = buffers.reduce((sum, { sizeBytes }) => sum + sizeBytes + BANK_BYTES, BANK_BYTES);
  const sizeBytes = Math.min(bytes, MEMORY_LIMIT_BYTES);
  return { name: 'arena', start: 0, sizeBytes, bankBytes: BANK_BYTES, policy: 'pack' };
}

/** Throws UnsupportedError for a quantised value, and for an output that nothing computes. */
export function scheduleGraph(
  graph: Graph,
  dims: Dims,
  storage: WeightStorage,
  threads = 1,
): CpuSchedule {
  const list = new StepList(dims, storage, threads);
  const places = placesOfNodes(list, graph);
  const outputs = new Map<string, Unplaced>();
  for (const [name, node] of graph.outputs) outputs.set(name, keep(list, name, places.get(node)!));
  const steps = list.finish();
  const { buffers, feeds, scratchBytes } = list;
  return {
    graph,
    dims,
    storage,
    buffers,
    regions: [arenaFor(buffers)],
    steps,
    feeds,
    scratchBytes,
    outputs,
  };
}

/** Adds the steps of all nodes; where their values lie, of some of them the row of the last token alone. */
function placesOfNodes(list: StepList, graph: Graph): ReadonlyMap<Node, Place> {
  const { B, T } = list.dims;
  const places = new Map<Node, Place>();
  const ofLast = B === 1 && T > 1 ? nodesOfLastToken(graph) : new Set<Node>();
  const rowOfLast = (node: Node): Place => {
    const place = places.get(node)!;
    if (!isByToken(node) || ofLast.has(node)) return place;
    return shift(place, (list.sizeOf(node.type) / T) * (T - 1));
  };
  for (const node of topologicalOrder(graph)) {
    if (ofLast.has(node)) {
      const inputs = node.inputs.map(rowOfLast);
      places.set(
        node,
        list.ofLastToken(() => lowerNode(list, node, inputs)),
      );
    } else {
      const inputs = node.inputs.map((input) => places.get(input)!);
      places.set(node, lowerNode(list, node, inputs));
    }
  }
  return places;
}

/** Keeps an output for the host to read. */
function keep(list: StepList, name: string, place: Place): Unplaced {
  if (place.space !== 'arena') {
    throw new UnsupportedError(`an output must be computed, not the ${place.space} ${place.name}`, {
      where: `output ${name}`,
    });
  }
  list.keep(place);
  return place;
}

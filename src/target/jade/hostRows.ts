/**
 * Rows of tables by n-gram, which the host finds for a step: integers of 64 bits are none of the chip's
 * work. They lie in a mailbox of their own; the last tokens of a sequence stay in the chip's memory, with
 * the other states.
 */
import {
  ngramRowsOf,
  startOfNgrams,
  topologicalOrder,
  type Graph,
  type NodeOf,
} from '../../ir/index.ts';
import type { StepInputs } from '../../compile/index.ts';
import type { MemoryLayout } from './layout.ts';
import { ngramsKey, type ReplacedRegion } from './memoryRegions.ts';

/** The chip's memory as the host sees it. */
export interface HostMemory {
  read(address: number, bytes: number): Uint8Array;
  write(address: number, bytes: Uint8Array): void;
}

export class HostRows {
  /** Classes of tokens, by the name of the weight. */
  private readonly classes = new Map<string, Float32Array>();
  private readonly nodes = new WeakMap<Graph, readonly NodeOf<'ngramRows'>[]>();

  /** Writes the rows of each table for the tokens of a step, and keeps the last of them. */
  write(graph: Graph, layout: MemoryLayout, inputs: StepInputs, memory: HostMemory): void {
    for (const node of this.nodesOf(graph)) this.writeRows(graph, layout, node, inputs, memory);
  }

  private writeRows(
    graph: Graph,
    { regions }: MemoryLayout,
    node: NodeOf<'ngramRows'>,
    { tokens, positions, firstSlot = 0 }: StepInputs,
    memory: HostMemory,
  ): void {
    const classes = this.classesOf(graph, node);
    const state = regions.get((node.inputs[0] as NodeOf<'state'>).attrs.name) as ReplacedRegion;
    const mailbox = regions.get(ngramsKey(node))!;
    const T = tokens.length / positions.length;
    for (const [b, position] of positions.entries()) {
      const at = state.address + (firstSlot + b) * state.sequenceBytes;
      const kept = new Float32Array(memory.read(at, state.sequenceBytes).slice().buffer);
      const past = position === 0 ? startOfNgrams(node.attrs, classes) : kept;
      const own = tokens.subarray(b * T, (b + 1) * T);
      const rows = ngramRowsOf(own, past, node.attrs, classes);
      memory.write(mailbox.address + b * rows.byteLength, new Uint8Array(rows.buffer));
      memory.write(at, new Uint8Array(past.buffer));
    }
  }

  private nodesOf(graph: Graph): readonly NodeOf<'ngramRows'>[] {
    const known = this.nodes.get(graph);
    if (known !== undefined) return known;
    const found = topologicalOrder(graph).filter((node) => node.op === 'ngramRows');
    this.nodes.set(graph, found);
    return found;
  }

  private classesOf(graph: Graph, { inputs }: NodeOf<'ngramRows'>): Float32Array | undefined {
    const weight = inputs[3] as NodeOf<'weight'> | undefined;
    if (weight === undefined) return undefined;
    const { name } = weight.attrs;
    const known = this.classes.get(name) ?? graph.weights.get(name)!.load();
    this.classes.set(name, known);
    return known;
  }
}

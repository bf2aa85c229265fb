/** What every kernel's lowering shares: the chip, the step's size, the tile program and where values are. */
import type { Chip } from '../../../chip/index.ts';
import type { Dims, Graph, Node } from '../../../ir/index.ts';
import type { MemoryLayout } from '../layout.ts';
import type { FloatPlacement, Placement } from './placement.ts';
import type { Ref, TileProgram } from './tiles.ts';

export interface Context {
  readonly chip: Chip;
  readonly graph: Graph;
  readonly dims: Dims;
  /** B · T: rows of every activation. */
  readonly rows: number;
  readonly layout: MemoryLayout;
  readonly tiles: TileProgram;
  /** Where each computed value lies on the chip. */
  readonly values: Map<Node, Placement>;
  /** Room for each f32 concat, from its first part on. */
  readonly wholes: Map<Node, FloatPlacement>;
  /** Nodes that read each node, in topological order. */
  readonly users: ReadonlyMap<Node, readonly Node[]>;
  /** Nodes of the kernels lowered so far. */
  readonly done: Set<Node>;
  /** Rotary tables already loaded for this step, by key. */
  readonly rotary: Map<string, Ref>;
}

/** Of softmax and topk: a row sees one column a position, up to its own. */
export const ONE_A_POSITION = { always: 0, shift: 0 } as const;

/** A row sees so many columns at every position: a shift by 31 leaves nothing of it. */
export function everyColumn(columns: number): { readonly always: number; readonly shift: number } {
  return { always: columns, shift: 31 };
}

/** Fields of a transfer of one contiguous piece. */
export function contiguous(
  memory: number,
  local: Ref,
  bytes: number,
): Record<string, number | Ref> {
  return {
    memory,
    local,
    rowBytes: bytes,
    rows: 1,
    memoryStride: 0,
    localStride: 0,
    planes: 1,
    memoryPlaneStride: 0,
    localPlaneStride: 0,
    positionStride: 0,
    sequence: 0,
    positionShift: 0,
    positionOffset: 0,
  };
}

export function regionAddress(context: Context, name: string): number {
  return context.layout.regions.get(name)!.address;
}

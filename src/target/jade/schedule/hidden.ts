/** Hidden rows between two graphs: the host takes them from one and gives them to the other, as f32. */
import { lastDim, topologicalOrder } from '../../../ir/index.ts';
import { NONE } from '../isa.table.ts';
import { GIVEN_ROWS, HIDDEN_ROWS, isGiven } from '../memoryRegions.ts';
import { contiguous, regionAddress, type Context } from './context.ts';
import { destinationOf, floatOf, type FloatPlacement } from './placement.ts';

/** The rows that the host has written, for a graph that reads some. */
export function loadHidden(context: Context): void {
  const node = topologicalOrder(context.graph).find(isGiven);
  if (node === undefined) return;
  const { at, stride } = destinationOf(context, node) as FloatPlacement;
  const load = contiguous(regionAddress(context, GIVEN_ROWS), at, context.rows * stride);
  context.tiles.label = 'hidden';
  context.tiles.emit('load', { ...load, unless: NONE });
}

/** The rows that the host reads, of a graph that gives some. */
export function storeHidden(context: Context): void {
  const node = context.graph.outputs.get('hidden');
  if (node === undefined) return;
  const { at, stride } = floatOf(context, node);
  const rowBytes = lastDim(node.type) * 4;
  context.tiles.label = 'hidden';
  context.tiles.emit('store', {
    ...contiguous(regionAddress(context, HIDDEN_ROWS), at, rowBytes),
    rows: context.rows,
    memoryStride: rowBytes,
    localStride: stride,
  });
}

/** Token ids come from the mailbox; their rows are gathered from memory and widened to f32. */
import { type Kernel } from '../../../compile/index.ts';
import { lastDim, type Node, type NodeOf } from '../../../ir/index.ts';
import { FORMAT_CODES, NONE } from '../isa.table.ts';
import { contiguous, regionAddress, type Context } from './context.ts';
import { destinationOf, type FloatPlacement } from './placement.ts';

export function lowerEmbedding(context: Context, kernel: Kernel): void {
  const node = kernel.anchors[0] as NodeOf<'embedding'>;
  const table = node.inputs[1] as NodeOf<'weight'>;
  const [vocabulary, width] = table.type.shape as [number, number];
  const { rows, tiles } = context;
  const list = tiles.allocate('tokens', 'control', rows * 4);
  tiles.emit('load', {
    ...contiguous(regionAddress(context, 'tokens'), list, rows * 4),
    unless: NONE,
  });
  const gathered = tiles.allocate('rows', 'operands', rows * width * 2);
  const memory = regionAddress(context, `bf16:${table.attrs.name}`);
  const stride = { memoryStride: width * 2, localStride: width * 2 };
  tiles.emit('gather', {
    memory,
    local: gathered,
    rowBytes: width * 2,
    rows,
    ...stride,
    list,
    limit: vocabulary,
  });
  const placed = destinationOf(context, kernel.result as Node) as FloatPlacement;
  tiles.emit('copy', {
    a: gathered,
    aStride: width * 2,
    aInner: 0,
    aFormat: FORMAT_CODES.bf16,
    rows,
    inner: 1,
    columns: lastDim(node.type),
    d: placed.at,
    dStride: placed.stride,
    dInner: 0,
    dFormat: FORMAT_CODES.f32,
    group: 0,
    rowCount: NONE,
  });
}

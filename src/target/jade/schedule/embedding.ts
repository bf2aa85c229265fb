/**
 * Rows of tables: token ids, or rows by n-gram that the host has found, come from a mailbox; the rows they
 * choose are gathered from memory and widened to f32.
 */
import type { Kernel } from '../../../compile/index.ts';
import { lastDim, type Node, type NodeOf } from '../../../ir/index.ts';
import { FORMAT_CODES, NONE } from '../isa.table.ts';
import { choicesKey, ngramsKey } from '../memoryRegions.ts';
import { contiguous, regionAddress, type Context } from './context.ts';
import { destinationOf, type FloatPlacement } from './placement.ts';
import type { Ref } from './tiles.ts';

/** Rows of a table in bf16, as f32 at `into`: so many of each token, one behind the other. */
interface Lookup {
  /** Regions of the indices and of the table. */
  readonly indices: string;
  readonly table: string;
  readonly tableRows: number;
  readonly perToken: number;
  readonly width: number;
  readonly into: Pick<FloatPlacement, 'at' | 'stride'>;
}

export function lowerEmbedding(context: Context, kernel: Kernel): void {
  const [indices, table] = kernel.anchors[0]!.inputs as [Node, NodeOf<'weight'>];
  const [tableRows, width] = table.type.shape as [number, number];
  lookUp(context, {
    indices: indices.op === 'ngramRows' ? ngramsKey(indices) : 'tokens',
    table: `bf16:${table.attrs.name}`,
    tableRows,
    perToken: indices.op === 'ngramRows' ? lastDim(indices.type) : 1,
    width,
    into: destinationOf(context, kernel.result) as FloatPlacement,
  });
}

/** 0 for the experts that a table gives a token, −Inf for others: a row of f32 for each token. */
export function loadChoices(context: Context, table: NodeOf<'weight'>, experts: number): Ref {
  const stride = experts * 4;
  const at = context.tiles.allocate('choices', 'tensors', context.rows * stride);
  lookUp(context, {
    indices: 'tokens',
    table: choicesKey(table),
    tableRows: table.type.shape[0] as number,
    perToken: 1,
    width: experts,
    into: { at, stride },
  });
  return at;
}

function lookUp(context: Context, lookup: Lookup): void {
  const { indices, table, tableRows, perToken, width, into } = lookup;
  const { tiles } = context;
  const rows = context.rows * perToken;
  const rowBytes = width * 2;
  const list = tiles.allocate('indices', 'control', rows * 4);
  const load = contiguous(regionAddress(context, indices), list, rows * 4);
  tiles.emit('load', { ...load, unless: NONE });
  const gathered = tiles.allocate('rows', 'operands', rows * rowBytes);
  const memory = regionAddress(context, table);
  const strides = { memoryStride: rowBytes, localStride: rowBytes };
  const limit = tableRows;
  tiles.emit('gather', { memory, local: gathered, rowBytes, rows, ...strides, list, limit });
  tiles.emit('copy', {
    ...{ a: gathered, aStride: rowBytes * perToken, aInner: rowBytes, aFormat: FORMAT_CODES.bf16 },
    ...{ rows, inner: perToken, columns: width },
    ...{ d: into.at, dStride: into.stride, dInner: width * 4, dFormat: FORMAT_CODES.f32 },
    ...{ group: 0, rowCount: NONE },
  });
}

/**
 * Products of groups of rows, each group with a matrix of its own: the experts of a layer.
 *
 * A function calls that of the product for each group that has rows, with a block of arguments of its own. Where groups
 * start comes from memory, so it ends at the first that is not within the rows there are.
 */
import {
  at,
  GENERAL,
  half,
  type Assembler,
  type FunctionBuilder,
  type General,
  type Label,
  type Memory,
} from '../../../x86/index.ts';
import { copyCell, whilePositive } from './cells.ts';

/** Arguments besides those of the product, whose M is that of all groups: `starts` i32 [groups + 1]; a matrix each. */
const OF_GROUPS = ['starts', 'groups', 'matrixBytes'] as const;

/** The arguments of a product of groups, from those of the product. */
export function groupedArguments<const N extends string>(
  product: readonly N[],
): readonly (N | (typeof OF_GROUPS)[number])[] {
  return [...product, ...OF_GROUPS];
}

/** The name of the function of groups, from that of the product. */
export function groupedName(product: string): string {
  return `grouped.${product}`;
}

/** Arguments of any product: addresses and strides of x and out, of which there are M rows, and where w is. */
type OfProduct = 'x' | 'xStride' | 'w' | 'out' | 'outStride' | 'M';

/** A product that groups are made of; its arguments, `OfProduct` among them, in order. */
export interface Product {
  readonly name: string;
  readonly label: Label;
  readonly args: readonly string[];
}

/** Adds the product of groups. */
export function addGrouped(assembler: Assembler, { name, label, args }: Product): void {
  assembler.addFunction(groupedName(name), groupedArguments(args), (f, block) => {
    // The first slots are the block of the product, in order.
    const own = Object.fromEntries(args.map((arg) => [arg, copied(f, block[arg]!)]));
    const { x, xStride, w, out, outStride, M } = own as Record<OfProduct, Memory>;
    const [starts, left, rows] = [block.starts, block.groups, M].map((cell) => copied(f, cell!));
    const [matrixBytes, first] = [copied(f, block.matrixBytes!), f.slot()];
    const end = f.label('end');
    f.emit('mov', first, 0);
    whilePositive(f, left!, () => {
      const done = f.label('done');
      countRows(f, { starts: starts!, rows: rows!, first, count: M }, end);
      f.emit('cmp', M, 0).emit('je', done);
      f.emit('lea', GENERAL.rdi, own[args[0]!]!).emit('call', label);
      advanceBy(f, x, xStride, M);
      advanceBy(f, out, outStride, M);
      f.place(done);
      advanceBy(f, w, matrixBytes);
      f.emit('add', starts!, 4).emit('sub', left!, 1);
    });
    f.place(end);
  });
}

/** A slot with what a cell holds. */
function copied(f: FunctionBuilder, cell: Memory): Memory {
  const slot = f.slot();
  copyCell(f, slot, cell);
  return slot;
}

/** The rows of the group at hand, which start at `first`; on to `end` unless they are among the rows. */
function countRows(
  f: FunctionBuilder,
  { starts, rows, first, count }: Record<'starts' | 'rows' | 'first' | 'count', Memory>,
  end: Label,
): void {
  const [place, next] = [...f.load(starts), f.general()] as [General, General];
  f.emit('mov', half(next), at(place, 4)).emit('cmp', next, rows).emit('ja', end);
  f.emit('mov', place, next).emit('sub', next, first).emit('jb', end);
  f.emit('mov', first, place).emit('mov', count, next).free(next, place);
}

/** Move a pointer by a stride, or by so many. */
function advanceBy(f: FunctionBuilder, cell: Memory, stride: Memory, count?: Memory): void {
  const [bytes] = f.load(stride) as [General];
  if (count) f.emit('imul', bytes, count);
  f.emit('add', cell, bytes).free(bytes);
}

/**
 * Rows that depend on the position by division, which the chip has for powers of two only: one number in the
 * columns that a token has got to, another behind. They are cut out of one row in the memory that holds both,
 * at a place that a table has for each position (memoryRegions.ts).
 */
import { NONE } from '../isa.table.ts';
import { edgeKey, newestKey, type EdgeRegion, type Items } from '../memoryRegions.ts';
import { contiguous, regionAddress, type Context } from './context.ts';
import type { Ref } from './tiles.ts';

/** Some tokens of a step, of one sequence. */
export interface Tokens {
  readonly sequence: number;
  readonly first: number;
  readonly tokens: number;
}

/** The places of the newest items that tokens see, and what is cut at them. */
export class Edges {
  private readonly context: Context;
  private readonly tokens: Tokens;
  private readonly columns: number;
  private readonly places: Ref;

  constructor(context: Context, items: Items, tokens: Tokens, columns: number) {
    const { sequence, first, tokens: count } = tokens;
    this.context = context;
    this.tokens = tokens;
    this.columns = columns;
    this.places = context.tiles.allocate('newest', 'control', count * 4);
    const memory = regionAddress(context, newestKey(items)) + first * 4;
    context.tiles.emit('load', {
      ...contiguous(memory, this.places, count * 4),
      ...{ positionStride: 4, sequence, unless: NONE },
    });
  }

  /** f32 [token][column]: `before` up to the newest item, `behind` after it. */
  rows(before: number, behind: number): Ref {
    return this.cut([before, behind], 0);
  }

  /** f32 [token][column]: `before` in front of the newest item, `from` in it and after it. */
  rowsFromNewest(before: number, from: number): Ref {
    return this.cut([before, from], 1);
  }

  private cut(numbers: readonly [number, number], column: number): Ref {
    const { context, tokens, columns, places } = this;
    const { address, most } = context.layout.regions.get(edgeKey(numbers)) as EdgeRegion;
    const [rows, rowBytes] = [tokens.tokens, columns * 4];
    const local = context.tiles.allocate('edges', 'constants', rows * rowBytes);
    context.tiles.emit('gather', {
      ...{ memory: address + column * 4, local, rowBytes, rows },
      ...{ memoryStride: 4, localStride: rowBytes, list: places, limit: most + 1 },
    });
    return local;
  }
}

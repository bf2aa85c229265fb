/**
 * The sums of products over the columns of a part of a block, of four rows of a panel in each vector.
 *
 * Codes are read as bytes from 0 on, four columns of a row side by side, once for all rows of x; byteSums.ts adds their
 * products. What codes have more than levels is taken off again with the sums of the activations.
 */
import type { FunctionBuilder, Local } from '../../../wasm/index.ts';
import { LINE_BYTES, type IntegerFormat } from '../panels/panelFormats.table.ts';
import { layoutOf, planesOf } from '../panels/panelLayout.ts';
import type { ByteProducts } from './byteProducts.ts';
import { BYTE_SUMS, isCut, type ByteSums } from './byteSums.ts';
import { biasOf, CodeReader, largestCode, WEIGHTS } from './panelCodes.ts';
import { vectorLocals } from './panelTile.ts';
import { sumOfPart } from './quantizeRows.ts';
import { VECTOR_BYTES } from './vectors.ts';

const GROUPS = 8;
/** Activations carry their sums times −128. */
const LARGEST_BIAS = 128;

/** What the products of a block read: pointers to the activations of each row and to the block. */
export interface BlockSite {
  readonly f: FunctionBuilder;
  readonly x: readonly Local[];
  /** The first line of the block, at the first vector of the strip. */
  readonly lines: Local;
  /** The first line itself, where strips of the same block follow. */
  readonly first: Local | undefined;
  /** The sixteen levels plus their bias, of formats that have them. */
  readonly table: Local;
}

/** Sums Σ level·a of a part of a block, for each row of x and vector of rows of w. */
export interface BlockSums {
  /** Sums the products for these vectors of the panel. */
  multiply(site: BlockSite, vectors: readonly number[], part: number): void;
  /** Pushes the sums of row m of x and the i-th of the vectors. */
  push(site: BlockSite, m: number, i: number, part: number): void;
}

/** How a kind of panels is multiplied. */
export interface BlockProducts {
  /** Whether products are added with the host's multiply-add. */
  readonly fused: boolean;
  /** Rows of the largest tile. */
  readonly mostRows: number;
  /** Rows of the largest tile whose totals are in memory. */
  readonly mostRowsInMemory: number;
  /** Vectors whose sums registers hold, for as many rows. */
  vectorsAtOnce(rows: number): number;
  sums(f: FunctionBuilder, rows: number, vectors: number): BlockSums;
}

/** The fastest way for a kind on a host. */
export function blockProducts(format: IntegerFormat, products: ByteProducts): BlockProducts {
  const largest = largestCode(format);
  const isWhole = products === 'eightBits';
  const mostRows = products === 'sevenBits' && isCut(largest) ? 5 : 6;
  // Codes of two planes, and levels, take more registers.
  const ofOneRow = !isWhole && (format.planes.length > 1 || format.levels) ? 2 : 8;
  return {
    fused: products !== 'none',
    mostRows,
    mostRowsInMemory: isWhole ? 0 : mostRows - 1,
    vectorsAtOnce: (rows) => [ofOneRow, 4][rows - 1] ?? 2,
    sums(f, rows, count) {
      return blockSums(f, format, count, BYTE_SUMS[products](f, rows, count, largest));
    },
  };
}

function blockSums(
  f: FunctionBuilder,
  format: IntegerFormat,
  count: number,
  sums: ByteSums,
): BlockSums {
  const [codes, stored] = vectorLocals(f, 2, count) as [Local[], Local[]];
  const reader = new CodeReader(f, format);
  const load = ({ lines }: BlockSite, line: number, vector: number) =>
    f.get(lines).emit('v128.load', placeOf(format, line, vector), WEIGHTS);
  return {
    multiply(site, vectors, part) {
      sums.clear();
      for (const groups of groupsOf(format, part)) {
        const line = planesOf(format, groups[0]!)[0]!.line;
        for (const [i, vector] of vectors.entries()) load(site, line, vector).set(stored[i]!);
        if (site.first) touchNext(f, format, site.first, line);
        for (const group of groups) {
          for (const [i, vector] of vectors.entries()) {
            if (format.levels) f.get(site.table);
            reader.push(group, (of) => (of === line ? f.get(stored[i]!) : load(site, of, vector)));
            if (format.levels) f.emit('i8x16.swizzle');
            f.set(codes[i]!);
          }
          sums.add(site.x, 4 * group, codes);
        }
      }
    },
    push(site, m, i, part) {
      sums.push(m, i);
      addCorrection(format, site, m, part);
    },
  };
}

/** Column groups of a part, those together that have the first plane in the same line. */
function groupsOf(format: IntegerFormat, part: number): readonly (readonly number[])[] {
  const count = GROUPS / format.scaling.parts;
  const groups = Array.from({ length: count }, (_, i) => count * part + i);
  return [...Map.groupBy(groups, (group) => planesOf(format, group)[0]!.line).values()];
}

/** Byte of the block where the vector starts in a line of codes and the next. */
function placeOf(format: IntegerFormat, line: number, vector: number): number {
  return layoutOf(format).codesAt + LINE_BYTES * line + VECTOR_BYTES * vector;
}

/**
 * Reads of the line behind a line of codes, that of the other half of rows: lines are then read in the order of memory,
 * which processors see, to fetch the next ones ahead.
 */
function touchNext(f: FunctionBuilder, format: IntegerFormat, first: Local, line: number): void {
  f.get(first)
    .emit('i32.load', placeOf(format, line + 1, 0), WEIGHTS)
    .emit('drop');
}

/** Adds −bias·Σa of row m, of the part, to the vector on top. */
function addCorrection(format: IntegerFormat, { f, x }: BlockSite, m: number, part: number): void {
  const bias = biasOf(format);
  if (bias === 0) return;
  f.get(x[m]!).emit('v128.load32_splat', sumOfPart(format.scaling.parts, part));
  if (bias < LARGEST_BIAS) f.i32(Math.log2(LARGEST_BIAS / bias)).emit('i32x4.shr_s');
  f.emit('i32x4.add');
}

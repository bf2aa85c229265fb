/** How the products of each format of panels are done: what tiles there are, and what they read. */
import type { Assembler, FunctionBuilder, General, Level, Vector } from '../../../x86/index.ts';
import { activationBytes } from '../kernels/quantizeRows.ts';
import {
  isFloatFormat,
  PANEL_FORMATS,
  type FloatFormatName,
  type IntegerFormatName,
  type PanelFormatName,
} from '../panels/panelFormats.table.ts';
import { emitFloatTile, floatReader, PLAIN_FLOATS, unpackFloats } from './floatTile.ts';
import { bytesOfBlock, panelReaders, unpackBlocks } from './panelReaders.ts';
import { emitTile, type TilePlace } from './panelTile.ts';
import { MAX_ROWS } from './rowTile.ts';

/** Stored blocks to blocks that tiles read. */
export interface Unpacking {
  /** Bytes of a block once unpacked. */
  readonly blockBytes: number;
  /** Of `blocks` blocks; the registers are moved on. */
  emit(
    f: FunctionBuilder,
    from: General,
    to: General,
    blocks: General,
    constants: readonly Vector[],
  ): void;
}

export interface Variant {
  /** Bytes of a block as it is stored, with its share of a header, and of its activations. */
  readonly storedBytes: number;
  readonly activationBytes: number;
  /** Blocks of a piece; all of them unless panels are taken piece by piece, for at least three tiles. */
  readonly pieceBlocks: number | undefined;
  /** Rows of the tiles there may be, and of those that rows in great number are cut into. */
  readonly rows: readonly number[];
  readonly tileRows: number;
  /** Of pieces that tiles do not read as they are stored. */
  readonly unpacking?: Unpacking;
  /** Put constants into registers of one's own. */
  prepare(f: FunctionBuilder): readonly Vector[];
  emitTile(f: FunctionBuilder, constants: readonly Vector[], place: TilePlace, rows: number): void;
}

/** For few rows, and for many. */
export interface Variants {
  readonly few: Variant;
  readonly many: Variant;
}

/** Whole units: 36 to 48 KiB of plain lines of integers, 32 KiB of f32. */
const INTEGER_PIECE_BLOCKS = 32;
const FLOAT_PIECE_BLOCKS = 8;

/** Rows of tiles for few rows and for many, as many as there are registers for. */
interface TileRows {
  readonly few: readonly number[];
  readonly many: readonly number[];
  readonly tileRows: number;
}

const WIDE_ROWS = { few: [1, 2, 3, 4, 5, 6, 7, 8], many: [3, 4, 5, 6], tileRows: MAX_ROWS };
const ROWS: Readonly<Record<'integers' | 'floats', Readonly<Record<Level, TileRows>>>> = {
  integers: { avx512: WIDE_ROWS, avxVnni: narrowRows(4), avx2: narrowRows(4) },
  floats: { avx512: WIDE_ROWS, avxVnni: narrowRows(2), avx2: narrowRows(2) },
};

function narrowRows(tileRows: number): TileRows {
  const few = Array.from({ length: tileRows }, (_, i) => i + 1);
  return { few, many: few, tileRows };
}

export function variantsOf(assembler: Assembler, name: PanelFormatName): Variants {
  return isFloatFormat(name) ? floatVariants(assembler, name) : integerVariants(assembler, name);
}

function integerVariants(assembler: Assembler, name: IntegerFormatName): Variants {
  const { stored, unpacked } = panelReaders(assembler, name);
  const { few, many, tileRows } = ROWS.integers[assembler.level];
  const shared = {
    tileRows,
    storedBytes: bytesOfBlock(stored),
    activationBytes: activationBytes(PANEL_FORMATS[name]),
    prepare: stored.prepare,
  };
  const unpacking: Unpacking = {
    blockBytes: unpacked.blockBytes,
    emit: (f, from, to, blocks, constants) =>
      unpackBlocks(f, stored, unpacked, { from, to, blocks }, constants),
  };
  const tilesOf = (reader: typeof stored): Variant['emitTile'] => {
    return (f, constants, place, rows) => emitTile(f, reader, constants, place, rows);
  };
  return {
    few: { ...shared, pieceBlocks: undefined, rows: few, emitTile: tilesOf(stored) },
    many: {
      ...shared,
      ...{ pieceBlocks: INTEGER_PIECE_BLOCKS, rows: many, emitTile: tilesOf(unpacked) },
      ...(unpacked !== stored && { unpacking }),
    },
  };
}

function floatVariants(assembler: Assembler, name: FloatFormatName): Variants {
  const stored = floatReader(name);
  const { few, many, tileRows } = ROWS.floats[assembler.level];
  const shared = {
    tileRows,
    storedBytes: bytesOfBlock(stored),
    activationBytes: activationBytes(PANEL_FORMATS[name]),
    prepare: stored.prepare,
  };
  const unpacking: Unpacking = {
    blockBytes: PLAIN_FLOATS.blockBytes,
    emit: (f, from, to, blocks, constants) => unpackFloats(f, stored, from, to, blocks, constants),
  };
  const tilesOf = (reader: typeof stored): Variant['emitTile'] => {
    return (f, constants, place, rows) => emitFloatTile(f, reader, constants, place, rows);
  };
  return {
    few: { ...shared, pieceBlocks: undefined, rows: few, emitTile: tilesOf(stored) },
    many: {
      ...shared,
      ...{ pieceBlocks: FLOAT_PIECE_BLOCKS, rows: many, unpacking },
      emitTile: tilesOf(PLAIN_FLOATS),
    },
  };
}

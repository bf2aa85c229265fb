/** How the products of each format of panels are done: what tiles there are, and what they read. */
import {
  type Assembler,
  type FunctionBuilder,
  type General,
  type Vector,
} from '../../../x86/index.ts';
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
  /** Rows of the tiles there may be. */
  readonly rows: readonly number[];
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

const FEW = { pieceBlocks: undefined, rows: [1, 2, 3, 4, 5, 6, 7, 8] } as const;
const MANY_ROWS = [3, 4, 5, 6];

export function variantsOf(assembler: Assembler, name: PanelFormatName): Variants {
  return isFloatFormat(name) ? floatVariants(name) : integerVariants(assembler, name);
}

function integerVariants(assembler: Assembler, name: IntegerFormatName): Variants {
  const { stored, unpacked } = panelReaders(assembler, name);
  const shared = {
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
    few: { ...shared, ...FEW, emitTile: tilesOf(stored) },
    many: {
      ...shared,
      ...{ pieceBlocks: INTEGER_PIECE_BLOCKS, rows: MANY_ROWS, unpacking },
      emitTile: tilesOf(unpacked),
    },
  };
}

function floatVariants(name: FloatFormatName): Variants {
  const stored = floatReader(name);
  const shared = {
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
    few: { ...shared, ...FEW, emitTile: tilesOf(stored) },
    many: {
      ...shared,
      ...{ pieceBlocks: FLOAT_PIECE_BLOCKS, rows: MANY_ROWS, unpacking },
      emitTile: tilesOf(PLAIN_FLOATS),
    },
  };
}

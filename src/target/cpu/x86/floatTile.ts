/**
 * One tile of a product: up to six rows of f32 activations times the 32 rows of a panel of floats.
 *
 * out[m][n] += weight · x, fused, column by column in ascending order: the same bits whatever the tile, and as those of
 * WebAssembly where that is fused too.
 */
import { at, type FunctionBuilder, type General, type Vector } from '../../../x86/index.ts';
import {
  BLOCK_COLUMNS,
  FLOAT_FORMATS,
  LINE_BYTES,
  PANEL_ROWS,
  type FloatFormat,
  type FloatFormatName,
} from '../panels/panelFormats.table.ts';
import { layoutOf } from '../panels/panelLayout.ts';
import { startBlock, withPlace, type Units } from './panelReaders.ts';
import {
  advanceFetches,
  fetchShare,
  rowVectors,
  startSums,
  storeSums,
  type TilePlace,
} from './panelTile.ts';
import { atRow } from './rowTile.ts';
import {
  BOTH,
  emitAnd,
  everyWord,
  fullVector,
  pair,
  stripsOf,
  type Pair,
  type Strip,
} from './width.ts';

/** Columns in one round of the loop. */
const UNROLL = 4;
const ELEMENT_BYTES = 4;
/** Bits of an f32 that those of e4m3 become: the sign, and seven of exponent and fraction. */
const E4M3_BITS = 0x87f00000 | 0;

/** Reads one format of floats. */
export interface FloatReader extends Units {
  readonly columnBytes: number;
  /** Put constants into registers of one's own. */
  prepare(f: FunctionBuilder): readonly Vector[];
  /** Of a block, what its columns need; moves the header on. */
  startColumns(f: FunctionBuilder, header: General, constants: readonly Vector[]): void;
  /** Load the rows of a strip of a column from `offset` of the address on, as f32. */
  loadColumn(
    f: FunctionBuilder,
    address: General,
    offset: number,
    strip: Strip,
    lines: Pair,
    constants: readonly Vector[],
  ): void;
}

/** Reads columns of f32: what stored ones are unpacked to. */
export const PLAIN_FLOATS: FloatReader = {
  ...{ unitBlocks: 1, headerBytes: 0, blockBytes: 2 * LINE_BYTES * BLOCK_COLUMNS },
  columnBytes: 2 * LINE_BYTES,
  prepare: () => [],
  startColumns: () => {},
  loadColumn(f, address, offset, strip, lines) {
    for (const h of BOTH)
      f.emit('vmovups', lines[h], at(address, offset + ELEMENT_BYTES * strip[h]));
  },
};

/** Reads columns as they are in panels. */
export function floatReader(name: FloatFormatName): FloatReader {
  const format: FloatFormat = FLOAT_FORMATS[name];
  const { unitBlocks, headerBytes, blockBytes } = layoutOf(format);
  const columnBytes = blockBytes / BLOCK_COLUMNS;
  const isScaled = headerBytes > 0;
  return {
    ...{ unitBlocks, headerBytes, blockBytes, columnBytes },
    prepare: (f) => (isScaled ? [everyWord(f, E4M3_BITS), fullVector(f)] : []),
    startColumns(f, header, [, scale]) {
      if (!isScaled) return;
      f.emit('vbroadcastss', scale!, at(header)).emit('add', header, ELEMENT_BYTES);
    },
    loadColumn(f, address, offset, strip, lines, [bits, scale]) {
      for (const h of BOTH) {
        const stored = at(address, offset + (columnBytes / PANEL_ROWS) * strip[h]);
        const line = lines[h];
        if (format.element === 'F16') f.emit('vcvtph2ps', line, stored);
        else if (format.element === 'BF16')
          f.emit('vpmovzxwd', line, stored).emit('vpslld', line, line, 16);
        else {
          f.emit('vpmovsxbd', line, stored).emit('vpslld', line, line, 20);
          emitAnd(f, line, line, bits!);
          f.emit('vmulps', line, line, scale!);
        }
      }
    },
  };
}

/** Emit the tile of `rows` rows. */
export function emitFloatTile(
  f: FunctionBuilder,
  reader: FloatReader,
  constants: readonly Vector[],
  place: TilePlace,
  rows: number,
): void {
  const { x, w, blocks } = place;
  const [sums, lines] = [rowVectors(f, rows), pair(f)];
  const activation = fullVector(f);
  startSums(f, place, sums, activation);
  const addColumn = (i: number): void => {
    for (const [number, strip] of stripsOf(f).entries()) {
      reader.loadColumn(f, w, i * reader.columnBytes, strip, lines, constants);
      for (const [m, row] of sums.entries()) {
        f.emit('vbroadcastss', activation, atRow(x, m, ELEMENT_BYTES * i));
        for (const h of BOTH) f.emit('vfmadd231ps', row[2 * number + h]!, lines[h], activation);
      }
    }
  };
  withPlace(f, reader, w, (unit) =>
    f.repeat(blocks, () => {
      startBlock(f, reader, blocks, unit);
      reader.startColumns(f, unit.header, constants);
      fetchShare(f, place.fetches, 0, 1);
      advanceFetches(f, place);
      forColumns(f, () => {
        for (let i = 0; i < UNROLL; i++) addColumn(i);
        f.emit('add', w, UNROLL * reader.columnBytes).emit('add', x.base, UNROLL * ELEMENT_BYTES);
      });
    }),
  );
  storeSums(f, place, sums, activation);
  f.free(activation, ...lines, ...sums.flat());
}

/** Run `body` for each few columns of a block. */
function forColumns(f: FunctionBuilder, body: () => void): void {
  const round = f.general();
  f.emit('mov', round, BLOCK_COLUMNS / UNROLL).repeat(round, body);
  f.free(round);
}

/** Unpack `blocks` blocks from `from` on to columns of f32 from `to` on. */
export function unpackFloats(
  f: FunctionBuilder,
  reader: FloatReader,
  from: General,
  to: General,
  blocks: General,
  constants: readonly Vector[],
): void {
  const lines = pair(f);
  withPlace(f, reader, from, (unit) =>
    f.repeat(blocks, () => {
      startBlock(f, reader, blocks, unit);
      reader.startColumns(f, unit.header, constants);
      forColumns(f, () => {
        for (let i = 0; i < UNROLL; i++) {
          for (const strip of stripsOf(f)) {
            reader.loadColumn(f, from, i * reader.columnBytes, strip, lines, constants);
            const offset = i * PLAIN_FLOATS.columnBytes;
            for (const h of BOTH)
              f.emit('vmovups', at(to, offset + ELEMENT_BYTES * strip[h]), lines[h]);
          }
        }
        f.emit('add', from, UNROLL * reader.columnBytes);
        f.emit('add', to, UNROLL * PLAIN_FLOATS.columnBytes);
      });
    }),
  );
  f.free(...lines);
}

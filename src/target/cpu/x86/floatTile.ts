/**
 * One tile of a product: up to six rows of f32 activations times the 32 rows of a panel of floats.
 *
 * out[m][n] += weight · x, fused, column by column in ascending order: the same bits whatever the tile, and as those of
 * WebAssembly where that is fused too.
 */
import {
  at,
  half,
  resized,
  type FunctionBuilder,
  type General,
  type Vector,
} from '../../../x86/index.ts';
import {
  BLOCK_COLUMNS,
  FLOAT_FORMATS,
  LINE_BYTES,
  type FloatFormat,
  type FloatFormatName,
} from '../panels/panelFormats.table.ts';
import { layoutOf } from '../panels/panelLayout.ts';
import { startBlock, withPlace, type Pair, type Units } from './panelReaders.ts';
import { fetchAhead, pair, startSums, storeSums, type TilePlace } from './panelTile.ts';
import { atRow } from './rowTile.ts';

/** Columns in one round of the loop. */
const UNROLL = 4;
const ROW_HALVES = [0, 1] as const;
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
  /** Load a column from `offset` of the address on, as f32. */
  loadColumn(
    f: FunctionBuilder,
    address: General,
    offset: number,
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
  loadColumn(f, address, offset, lines) {
    for (const h of ROW_HALVES) f.emit('vmovups', lines[h], at(address, offset + LINE_BYTES * h));
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
    prepare: (f) => (isScaled ? [everyWord(f, E4M3_BITS), f.vector(512)] : []),
    startColumns(f, header, [, scale]) {
      if (!isScaled) return;
      f.emit('vbroadcastss', scale!, at(header)).emit('add', header, ELEMENT_BYTES);
    },
    loadColumn(f, address, offset, lines, [bits, scale]) {
      for (const h of ROW_HALVES) {
        const [line, stored] = [lines[h], at(address, offset + (columnBytes / 2) * h)];
        if (format.element === 'F16') f.emit('vcvtph2ps', line, stored);
        else if (format.element === 'BF16')
          f.emit('vpmovzxwd', line, stored).emit('vpslld', line, line, 16);
        else {
          f.emit('vpmovsxbd', line, stored).emit('vpslld', line, line, 20);
          f.emit('vpandd', line, line, bits!).emit('vmulps', line, line, scale!);
        }
      }
    },
  };
}

function everyWord(f: FunctionBuilder, word: number): Vector {
  const [all, value] = [f.vector(512), f.general()];
  f.emit('mov', value, word);
  f.emit('vmovd', resized(all, 128), half(value)).emit('vpbroadcastd', all, resized(all, 128));
  f.free(value);
  return all;
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
  const [sums, lines] = [Array.from({ length: rows }, () => pair(f)), pair(f)];
  const activation = f.vector(512);
  startSums(f, place, sums, activation);
  const addColumn = (i: number): void => {
    reader.loadColumn(f, w, i * reader.columnBytes, lines, constants);
    for (const [m, both] of sums.entries()) {
      f.emit('vbroadcastss', activation, atRow(x, m, ELEMENT_BYTES * i));
      for (const h of ROW_HALVES) f.emit('vfmadd231ps', both[h], lines[h], activation);
    }
  };
  withPlace(f, reader, w, (unit) =>
    f.repeat(blocks, () => {
      startBlock(f, reader, blocks, unit);
      reader.startColumns(f, unit.header, constants);
      if (place.ahead) fetchAhead(f, place.ahead);
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
          reader.loadColumn(f, from, i * reader.columnBytes, lines, constants);
          const offset = i * PLAIN_FLOATS.columnBytes;
          for (const h of ROW_HALVES) f.emit('vmovups', at(to, offset + LINE_BYTES * h), lines[h]);
        }
        f.emit('add', from, UNROLL * reader.columnBytes);
        f.emit('add', to, UNROLL * PLAIN_FLOATS.columnBytes);
      });
    }),
  );
  f.free(...lines);
}

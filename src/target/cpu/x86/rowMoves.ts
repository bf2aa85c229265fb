/** Rows of f32 that a kernel puts where it can read them well: side by side, or turned around. */
import { at, type FunctionBuilder, type General } from '../../../x86/index.ts';
import { emitTranspose } from './lanes.ts';

/** Rows that are turned around at a time. */
export const TURNED_ROWS = 32;
const LINE_BYTES = 64;
const LANES = 16;

/** Where rows are, bytes between them, how many there are, elements of each, and where they go. */
export type RowMove = Readonly<Record<'from' | 'stride' | 'count' | 'width' | 'to', General>>;

/**
 * Copy rows, of which there is at least one, side by side; all registers but the stride are used up. Rows are far apart,
 * where the hardware does not fetch ahead: as many rows behind them are fetched meanwhile.
 */
export function emitGather(f: FunctionBuilder, { from, stride, count, width, to }: RowMove): void {
  const [row, ahead, vectors, values] = [f.general(), f.general(), f.general(), f.vector(512)];
  f.emit('mov', ahead, stride).emit('imul', ahead, count);
  f.emit('shr', width, 4).repeat(count, () => {
    f.emit('mov', row, from).emit('mov', vectors, width);
    f.repeat(vectors, () => {
      f.emit('vmovups', values, at(row)).emit('prefetcht0', at(row, 0, ahead));
      f.emit('vmovups', at(to), values).emit('add', row, LINE_BYTES).emit('add', to, LINE_BYTES);
    });
    f.emit('add', from, stride);
  });
  f.free(values, vectors, ahead, row);
}

/**
 * Turn 32 rows around: column d becomes 32 lanes. Rows that are not there repeat the last; all registers but the stride
 * and the count are used up.
 */
export function emitTurn(f: FunctionBuilder, { from, stride, count, width, to }: RowMove): void {
  const [row, next] = [f.general(), f.general()];
  f.emit('shr', width, 4).repeat(width, () => {
    f.emit('mov', row, from);
    for (let i = 0; i < TURNED_ROWS; i += LANES) {
      const rows = Array.from({ length: LANES }, (_, r) => {
        const loaded = f.vector(512);
        f.emit('vmovups', loaded, at(row)).emit('lea', next, at(row, 0, stride));
        f.emit('cmp', count, i + r + 1).emit('cmova', row, next);
        return loaded;
      });
      const columns = emitTranspose(f, rows);
      columns.forEach((column, d) =>
        f.emit('vmovups', at(to, 4 * TURNED_ROWS * d + 4 * i), column),
      );
      f.free(...columns);
    }
    f.emit('add', from, LINE_BYTES).emit('add', to, 4 * TURNED_ROWS * LANES);
  });
  f.free(next, row);
}

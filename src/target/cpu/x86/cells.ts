/** Loops and arithmetic on cells of memory: what outer loops need, which would only take registers from inner ones. */
import type { FunctionBuilder, General, Memory } from '../../../x86/index.ts';

/** to = from */
export function copyCell(f: FunctionBuilder, to: Memory, from: Memory): void {
  const [value] = f.load(from) as [General];
  f.emit('mov', to, value).free(value);
}

/** Move a pointer, or any cell, by `count` times a stride. */
export function advanceCell(f: FunctionBuilder, cell: Memory, stride: Memory, count: number): void {
  const bytes = f.general();
  f.emit('imul', bytes, stride, count).emit('add', cell, bytes).free(bytes);
}

/** `to` becomes the smaller of a cell and a number. */
export function loadAtMost(f: FunctionBuilder, to: General, cell: Memory, most: number): void {
  const limit = f.general();
  f.emit('mov', to, cell).emit('mov', limit, most).emit('cmp', to, limit);
  f.emit('cmovg', to, limit).free(limit);
}

/** Repeat while a cell is above zero, as a signed number; it must be so at the start. */
export function whilePositive(f: FunctionBuilder, cell: Memory, body: () => void): void {
  const next = f.label('next');
  f.place(next);
  body();
  f.emit('cmp', cell, 0).emit('jg', next);
}

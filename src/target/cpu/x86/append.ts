/** Rows of tokens that go behind those that the state of their sequence has. */
import { at, type Assembler, type General } from '../../../x86/index.ts';

/**
 * Arguments: addresses of x, of the i32 `positions` and of the state, of `sequences` sequences, at least one; bytes of a token's row, vectors of
 * all rows of a sequence, at least one, and bytes of the state of a sequence; `most` is the last position that there is
 * room behind. The cell `refused` becomes 1 where there is none, and the sequences from that on are left as they are.
 */
export const APPEND = [
  ...(['x', 'positions', 'state', 'sequences', 'rowBytes', 'vectors', 'stateBytes'] as const),
  ...(['most', 'refused'] as const),
];

const VECTOR_BYTES = 64;

/** Adds `append`. */
export function addAppend(assembler: Assembler): void {
  assembler.addFunction('append', APPEND, (f, block) => {
    const [x, positions, state, sequences] = f.load(
      ...[block.x, block.positions, block.state, block.sequences],
    ) as [General, General, General, General];
    const [to, left, row] = [f.general(), f.general(), f.vector(512)];
    const [refuse, end] = [f.label('refuse'), f.label('end')];
    f.repeat(sequences, () => {
      f.emit('movsxd', to, at(positions)).emit('cmp', to, block.most).emit('ja', refuse);
      f.emit('imul', to, block.rowBytes).emit('add', to, state).emit('mov', left, block.vectors);
      f.repeat(left, () => {
        f.emit('vmovups', row, at(x)).emit('vmovups', at(to), row);
        f.emit('add', x, VECTOR_BYTES).emit('add', to, VECTOR_BYTES);
      });
      f.emit('add', positions, 4).emit('add', state, block.stateBytes);
    });
    f.emit('jmp', end).place(refuse);
    f.emit('mov', to, block.refused).emit('mov', at(to), 1).place(end);
  });
}

/** What calls take from memory when they run: small functions that run before them, and refuse what is out of range. */
import { at, half, type Assembler, type General } from '../../../x86/index.ts';

/**
 * Arguments: addresses of an i32 that says how many tokens a sequence has, of the cell that it goes `to`, `more` added, and of the cell that becomes
 * 1 where it is below 0 or above `most`.
 */
export const POSITION = [...(['position', 'most', 'more', 'to', 'refused'] as const)];

/** Arguments: addresses of an i32, and of the cell that becomes 1 where it is 0, and 0 elsewhere. */
export const FRESH = [...(['position', 'to'] as const)];

/** Adds `position` and `fresh`. Each reads memory once: what a broken program writes there meanwhile must not count. */
export function addGuards(assembler: Assembler): void {
  assembler.addFunction('position', POSITION, (f, block) => {
    const [place, to] = f.load(block.position, block.to) as [General, General];
    const [value, end] = [f.general(), f.label('end')];
    f.emit('movsxd', value, at(place)).emit('mov', place, value);
    f.emit('add', value, block.more).emit('mov', at(to), value);
    f.emit('cmp', place, block.most).emit('jbe', end);
    f.emit('mov', place, block.refused).emit('mov', at(place), 1).place(end);
  });
  assembler.addFunction('fresh', FRESH, (f, block) => {
    const [place, to] = f.load(block.position, block.to) as [General, General];
    const [fresh, end] = [f.general(), f.label('end')];
    f.emit('mov', half(place), at(place)).emit('mov', fresh, 0).emit('test', place, place);
    f.emit('jne', end).emit('mov', fresh, 1).place(end).emit('mov', at(to), fresh);
  });
}

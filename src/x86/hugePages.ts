/** Huge pages for memory that others have reserved, asked for by emitted code [Linux, madvise(2)]. */
import type { Assembler } from './assembler.ts';
import { GENERAL } from './operands.ts';

/** Name of the function that `addAdviseHugePages` adds. */
export const ADVISE_HUGE_PAGES = 'adviseHugePages';

/** The system call, and the advice. */
export const MADVISE = { number: 28, hugePages: 14 } as const;

const { rax, rdx, rsi, rdi } = GENERAL;

/** Adds `adviseHugePages(address, bytes)`; the address is a multiple of a page. A wish: its failure is none. */
export function addAdviseHugePages(assembler: Assembler): void {
  assembler.addFunction(ADVISE_HUGE_PAGES, ['address', 'bytes'], (f, { address, bytes }) => {
    f.emit('mov', rsi, bytes).emit('mov', rdi, address).emit('mov', rdx, MADVISE.hugePages);
    f.emit('mov', rax, MADVISE.number).emit('syscall');
  });
}

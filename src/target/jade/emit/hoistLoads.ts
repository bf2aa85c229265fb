/**
 * Lets weights stream past loads that must wait: the LOAD queue is in order, so a transfer that depends
 * on this step's results (the state just stored, the experts just chosen) would keep the memory idle.
 *
 * Before each such load, the independent loads that follow it are moved up as long as nothing between
 * the two places touches the bytes they write. Moving them is legal in program order, so the program
 * means the same and cannot deadlock; the size of the ring they fill bounds how far they run ahead.
 */
import { NONE, queueOf } from '../isa.table.ts';
import { accesses, overlap, type Accesses } from '../sim/access.ts';
import type { LabelledInstruction } from './program.ts';

interface Entry {
  readonly item: LabelledInstruction;
  readonly access: Accesses;
  readonly kind: 'independent' | 'dependent' | 'other';
  moved: boolean;
}

export function hoistLoads(
  program: readonly LabelledInstruction[],
  maxPosition: number,
): LabelledInstruction[] {
  const entries = classify(program, maxPosition);
  const independent = entries
    .map((entry, i) => ({ entry, i }))
    .filter(({ entry }) => entry.kind === 'independent');
  const result: LabelledInstruction[] = [];
  let next = 0;
  let blocker = -1; // the last instruction that the next independent load may not overtake
  entries.forEach((entry, i) => {
    if (entry.moved) return;
    if (entry.kind === 'dependent' && blocker < i) {
      while (next < independent.length && independent[next]!.i < i) next++;
      for (; next < independent.length; next++) {
        const { entry: load, i: from } = independent[next]!;
        blocker = lastConflict(entries, i, from);
        if (blocker >= i) break;
        load.moved = true;
        result.push(load.item);
      }
    }
    result.push(entry.item);
  });
  return result;
}

function classify(program: readonly LabelledInstruction[], maxPosition: number): Entry[] {
  const stored: Accesses['memoryWrites'][] = [];
  return program.map((item) => {
    const access = accesses(item.instruction, maxPosition);
    const { op, fields } = item.instruction;
    if (access.memoryWrites.length > 0) stored.push(access.memoryWrites);
    if (queueOf(op) !== 'load') return { item, access, kind: 'other', moved: false };
    const waits =
      op === 'gather' ||
      fields['unless'] !== NONE ||
      stored.some((w) => overlap(w, access.memoryReads));
    return { item, access, kind: waits ? 'dependent' : 'independent', moved: false };
  });
}

/** The last instruction from `to` on and before the load at `from` that touches what it writes; or -1. */
function lastConflict(entries: readonly Entry[], to: number, from: number): number {
  const { localWrites } = entries[from]!.access;
  for (let i = from - 1; i >= to; i--) {
    const { access, moved } = entries[i]!;
    if (moved) continue;
    if (overlap(localWrites, access.localReads) || overlap(localWrites, access.localWrites))
      return i;
  }
  return -1;
}

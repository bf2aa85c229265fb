/** Who waits for whom when nothing can start any more, for people. */
import { QUEUES } from '../isa.table.ts';
import type { Dispatcher } from './dispatch.ts';
import { NONE_LEFT, type TimedProgram } from './timedProgram.ts';
import type { Tokens } from './tokens.ts';

/** A phrase for each head that is left. */
export function waitingHeads(
  program: TimedProgram,
  heads: Int32Array,
  dispatcher: Dispatcher,
  tokens: Tokens,
): string[] {
  const phrases: string[] = [];
  heads.forEach((index, queue) => {
    if (index === NONE_LEFT) return;
    const who = `${QUEUES[queue]} instruction ${index} (${program.instructions[index]!.op})`;
    const missing = QUEUES.filter((_, from) => {
      const waits = (program.waits[index]! & (1 << from)) !== 0;
      return waits && tokens.next(from, queue) === Number.POSITIVE_INFINITY;
    });
    const what = index >= dispatcher.count ? 'to be dispatched' : `for ${missing.join(', ')}`;
    phrases.push(`${who} waits ${what}`);
  });
  return phrases;
}

/**
 * What a FIFO promises: it counts its entries, and gives each of them, whichever, when those before it
 * have gone.
 *
 * `track` chooses one entry as it comes; the proof holds for every choice, so for every entry.
 */
import {
  defineModule,
  indexWidth,
  type ModuleBuilder,
  type Signal,
} from '../../../src/hdl/index.ts';
import { fifo } from '../../../src/target/jade/rtl/control/fifo.ts';
import { peek } from '../peek.ts';
import { implies } from './conditions.ts';

type Named = Readonly<Record<string, Signal>>;

const INSIDE = { head: 'head', tail: 'tail', used: 'used', readable: 'readable' };

export function fifoProof(depth: number, width: number) {
  const bits = indexWidth(depth);
  const words = Object.fromEntries(
    Array.from({ length: depth }, (_, i) => [`word${i}`, `entries[${i}]`]),
  );
  const opened = peek(fifo(depth, width), { ...INSIDE, arrived: 'arrived', ...words });
  return defineModule({
    name: 'fifo_proof',
    inputs: { push: 1, pushData: width, pop: 1, track: 1 },
    outputs: {},
    body({ push, pushData, pop, track }, m) {
      const queue = m.instance('queue', opened, { push, pushData, pop }) as Record<string, Signal>;
      const { room, empty, valid, data, head, tail, used, readable, arrived } = queue as Named;
      m.assume('pushesWithRoom', implies(push, room!.or(pop)));
      m.assume('popsWhatIsThere', implies(pop, valid!));

      const entries = m.register('entriesNow', bits + 1, { reset: 0 });
      const remain = entries.sub(pop.zeroExtend(bits + 1));
      entries.set(remain.add(push.zeroExtend(bits + 1)));
      const older = m.delay('older', remain, { reset: 0, comment: 'came before the last cycle' });
      m.assert('hasRoom', room!.eq(entries.ltU(depth)));
      m.assert('isEmpty', empty!.eq(entries.eq(0)));
      m.assert('headAfterTwoCycles', valid!.eq(older.reduceOr()));
      m.assert('neverMoreThanItHolds', entries.ltU(depth + 1));
      // What follows is inside: without it the above cannot be shown from any state.
      m.assert('countsEntries', used!.eq(entries));
      m.assert('countsOlder', readable!.eq(older));
      m.assert('placesAreApart', tail!.sub(head!).eq(entries.low(bits)));
      m.assert('olderAreInside', entries.geU(older));
      m.assert('onlyTheLastIsYoung', entries.eq(older.add(arrived!.zeroExtend(bits + 1))));

      const tracked = trackOne(m, { push, pushData, pop, track }, remain);
      const place = head!.add(tracked.ahead.low(bits));
      const stored = place.choose(Array.from({ length: depth }, (_, i) => queue[`word${i}`]!));
      const isHead = tracked.tracking.and(tracked.ahead.eq(0)).named('isHead');
      m.assert('givesWhatItTook', implies(isHead.and(valid!), data!.eq(tracked.data)));
      m.assert('isThereAfterTwoCycles', implies(tracked.waited, tracked.ahead.ltU(older)));
      m.assert('entryIsInside', implies(tracked.tracking, tracked.ahead.ltU(entries)));
      m.assert('entryIsKept', implies(tracked.tracking, stored.eq(tracked.data)));
      return {};
    },
  });
}

/** One entry: how many are ahead of it, what it holds, and whether it is here for a second cycle. */
function trackOne(
  m: ModuleBuilder,
  { push, pushData, pop, track }: Readonly<Record<'push' | 'pushData' | 'pop' | 'track', Signal>>,
  remain: Signal,
) {
  const tracking = m.register('tracking', 1, { reset: 0 });
  const ahead = m.register('ahead', remain.width);
  const begin = push.and(track).and(tracking.not()).named('begin');
  const leaves = tracking.and(pop).and(ahead.eq(0)).named('leaves');
  tracking.set(begin.or(tracking.and(leaves.not())));
  ahead.set(begin.mux(remain, ahead.sub(pop.zeroExtend(remain.width))));
  const data = m.delay('data', pushData, { enable: begin });
  const waited = m.delay('waited', tracking, { reset: 0 });
  return { tracking, ahead, data, waited: waited.and(tracking) };
}

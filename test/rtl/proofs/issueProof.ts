/**
 * What the issue logic promises, against a plain list of the instructions each queue has in flight:
 *
 *   - a head starts exactly when it is there, its unit is ready, its tokens are there and no other queue
 *     holds a bank port it needs, lower queues first;
 *   - no two queues ever hold one port of one bank;
 *   - a semaphore holds what was given less what was taken, and nothing is taken that was not given.
 */
import {
  defineModule,
  joinLanes,
  type ModuleBuilder,
  type Signal,
} from '../../../src/hdl/index.ts';
import { loadChip, type Chip } from '../../../src/chip/index.ts';
import { QUEUES } from '../../../src/target/jade/isa.table.ts';
import { bankCountOf } from '../../../src/target/jade/sim/banks.ts';
import { controlWord, INSTRUCTION_BITS } from '../../../src/target/jade/rtl/control/decoder.ts';
import { issue, SEMAPHORE_BITS } from '../../../src/target/jade/rtl/control/issue.ts';
import { peek } from '../peek.ts';
import { all, any, countOf, implies } from './conditions.ts';

/** Instructions of each queue in flight, as small as the logic can be built for. */
const DEPTHS = [2, 4, 2, 2] as const;
const COUNT_BITS = 4;
const PORTS = ['readBanks', 'writeBanks'] as const;

/** Four banks, so that every way of meeting is there and the solver is quick. */
function smallChip(): Chip {
  const chip = loadChip('jade-nano');
  return {
    ...chip,
    dma: { ...chip.dma, outstandingLoads: DEPTHS[0] },
    matrix: { ...chip.matrix, pipelineCycles: 2 * (DEPTHS[1] - 4) },
    scratchpad: { ...chip.scratchpad, banks: 2 },
    accumulator: { ...chip.accumulator, banks: 1 },
  };
}

type Named = Readonly<Record<string, Signal>>;

/** What an instruction asks of the issue logic. */
interface Asks {
  readonly signal: Signal;
  readonly readBanks: Signal;
  readonly writeBanks: Signal;
}

/** A queue as the proof sees it. */
interface Flight {
  readonly head: Asks & { readonly valid: Signal; readonly ready: Signal; readonly wait: Signal };
  readonly start: Signal;
  readonly retire: Signal;
  /** In flight, the oldest first: the first `count` of `list`. */
  readonly list: readonly (Asks & { readonly inFlight: Signal })[];
  readonly count: Signal;
}

export function issueProof() {
  const chip = smallChip();
  const banks = bankCountOf(chip);
  const opened = peek(issue(chip), { ...insideFlights(), ...insideCounters(banks) });
  return defineModule({
    name: 'issue_proof',
    inputs: {
      headValid: 4,
      ready: 4,
      retire: 4,
      loadHead: INSTRUCTION_BITS,
      matrixHead: INSTRUCTION_BITS,
      vectorHead: INSTRUCTION_BITS,
      storeHead: INSTRUCTION_BITS,
    },
    outputs: {},
    body(inputs, m) {
      const dut = m.instance('dut', opened, inputs) as Named;
      const words = [inputs.loadHead, inputs.matrixHead, inputs.vectorHead, inputs.storeHead];
      const flights = words.map((word, i) => {
        const [valid, ready] = [inputs.headValid.bit(i), inputs.ready.bit(i)];
        const head = { ...controlWord(word, banks), valid, ready };
        return flightOf(m, i, head, dut['start']!.bit(i), inputs.retire.bit(i));
      });
      const tokens = flights.map((_, to) =>
        flights.map((_, from) => semaphore(m, flights, from, to)),
      );
      flights.forEach((flight, i) => proveList(m, i, flight, dut));
      proveSemaphores(m, tokens, dut);
      provePorts(m, flights, dut, banks);
      proveStarts(m, flights, tokens);
      const busy = any(flights.map(({ count }) => count.reduceOr()));
      m.assert('idleIsNothingInFlight', dut['idle']!.eq(busy.not()));
      return {};
    },
  });
}

/** The registers of the lists of instructions in flight. */
function insideFlights(): Record<string, string> {
  const paths = QUEUES.flatMap((queue, i) => {
    const names = ['first', 'free', 'count', 'valid', 'head'].map((name) => [name, name]);
    const words = Array.from({ length: DEPTHS[i]! }, (_, k) => [`word${k}`, `entries[${k}]`]);
    return [...names, ...words].map(([port, path]) => [
      `${queue}Inside_${port}`,
      `${queue}_flight.${path}`,
    ]);
  });
  return Object.fromEntries(paths) as Record<string, string>;
}

/** Semaphores, and holders of ports. */
function insideCounters(banks: number): Record<string, string> {
  const semaphores = QUEUES.flatMap((from) => QUEUES.map((to) => `tokens_${from}_to_${to}`));
  const holders = QUEUES.flatMap((queue) =>
    ['read_banks', 'write_banks'].flatMap((kind) =>
      Array.from({ length: banks }, (_, bank) => `${queue}_${kind}_${bank}`),
    ),
  );
  return Object.fromEntries([...semaphores, ...holders].map((name) => [`${name}_now`, name]));
}

/** A list that shifts, beside the logic's memory. */
function flightOf(
  m: ModuleBuilder,
  i: number,
  head: Flight['head'],
  start: Signal,
  retire: Signal,
): Flight {
  const [queue, depth] = [QUEUES[i]!, DEPTHS[i]!];
  const count = m.register(`${queue}InFlight`, COUNT_BITS, { reset: 0 });
  const remain = count.sub(retire.zeroExtend(COUNT_BITS));
  count.set(remain.add(start.zeroExtend(COUNT_BITS)));
  const entry = head.signal.concat(head.readBanks, head.writeBanks);
  const places = Array.from({ length: depth }, (_, k) =>
    m.register(`${queue}Entry${k}`, entry.width),
  );
  places.forEach((place, k) => {
    const next = places[k + 1] ?? place;
    place.set(start.and(remain.eq(k)).mux(entry, retire.mux(next, place)));
  });
  const older = m.delay(`${queue}Older`, remain, { reset: 0 });
  m.assume(`${queue}RetiresWhatWorks`, implies(retire, older.reduceOr()));
  m.assume(`${queue}HasRoomWhenReady`, implies(head.ready, count.ltU(depth).or(retire)));
  m.assert(`${queue}OlderAreInFlight`, count.geU(older).and(count.sub(older).ltU(2)));
  const banks = head.readBanks.width;
  const list = places.map((place, k) => ({
    signal: place.high(4),
    readBanks: place.slice(2 * banks - 1, banks),
    writeBanks: place.low(banks),
    inFlight: count.geU(k + 1),
  }));
  return { head, start, retire, list, count };
}

/** The logic's memory of what is in flight is this list. */
function proveList(m: ModuleBuilder, i: number, { list, count }: Flight, dut: Named): void {
  const [queue, depth] = [QUEUES[i]!, DEPTHS[i]!];
  const inside = (name: string): Signal => dut[`${queue}Inside_${name}`]!;
  const bits = Math.log2(depth);
  const words = Array.from({ length: depth }, (_, k) => inside(`word${k}`));
  const kept = list.map(({ inFlight, signal, readBanks, writeBanks }, k) => {
    const word = inside('first').add(k).choose(words);
    return implies(inFlight, word.eq(signal.concat(readBanks, writeBanks)));
  });
  const first = list[0]!;
  const oldest = first.signal.concat(first.readBanks, first.writeBanks);
  m.assert(`${queue}CountsItsFlight`, inside('count').zeroExtend(COUNT_BITS).eq(count));
  m.assert(`${queue}FlightFits`, count.ltU(depth + 1));
  m.assert(`${queue}PlacesAreApart`, inside('free').sub(inside('first')).eq(count.low(bits)));
  m.assert(`${queue}ListIsKept`, all(kept));
  m.assert(
    `${queue}OldestIsKnown`,
    implies(inside('valid'), inside('head').eq(oldest).and(first.inFlight)),
  );
}

interface Semaphore {
  readonly from: number;
  readonly to: number;
  readonly gives: Signal;
  readonly takes: Signal;
  /** Given and not taken before this cycle. */
  readonly count: Signal;
}

/** All that was given and all that was taken, counted apart. */
function semaphore(
  m: ModuleBuilder,
  flights: readonly Flight[],
  from: number,
  to: number,
): Semaphore {
  const name = `${QUEUES[from]}To${QUEUES[to]}`;
  const gives = flights[from]!.list[0]!.signal.bit(to).and(flights[from]!.retire);
  const takes = flights[to]!.head.wait.bit(from).and(flights[to]!.start);
  const given = m.register(`${name}Given`, SEMAPHORE_BITS, { reset: 0 });
  const taken = m.register(`${name}Taken`, SEMAPHORE_BITS, { reset: 0 });
  given.set(given.add(1), gives);
  taken.set(taken.add(1), takes);
  const count = given.sub(taken).named(`${name}There`);
  // The compiler's part: programs never give more than a counter holds.
  m.assume(`${name}Fits`, implies(gives.and(takes.not()), count.reduceAnd().not()));
  return { from, to, gives, takes, count };
}

function proveSemaphores(m: ModuleBuilder, semaphores: readonly Semaphore[][], dut: Named): void {
  for (const { from, to, gives, takes, count } of semaphores.flat()) {
    const name = `${QUEUES[from]}To${QUEUES[to]}`;
    const inside = dut[`tokens_${QUEUES[from]}_to_${QUEUES[to]}_now`]!;
    m.assert(`${name}IsGivenLessTaken`, inside.eq(count));
    m.assert(`${name}TakesWhatWasGiven`, implies(takes, gives.or(count.reduceOr())));
  }
}

/** Holders of a bank's port, before this cycle or without what retires in it. */
function holds({ list, retire }: Flight, kind: (typeof PORTS)[number], leaving: boolean): Signal {
  const masks = list.map((entry, k) => {
    const here = leaving && k === 0 ? entry.inFlight.and(retire.not()) : entry.inFlight;
    return entry[kind].and(here.repeat(entry[kind].width));
  });
  return any(masks);
}

function provePorts(m: ModuleBuilder, flights: readonly Flight[], dut: Named, banks: number): void {
  for (const kind of PORTS) {
    const suffix = kind === 'readBanks' ? 'read_banks' : 'write_banks';
    flights.forEach((flight, i) => {
      for (let bank = 0; bank < banks; bank++) {
        const bits = flight.list.map((entry) => entry[kind].bit(bank).and(entry.inFlight));
        const holders = dut[`${QUEUES[i]}_${suffix}_${bank}_now`]!.zeroExtend(COUNT_BITS);
        m.assert(`${QUEUES[i]}_${kind}Counts${bank}`, holders.eq(countOf(bits, COUNT_BITS)));
      }
      const others = flights.slice(i + 1).map((other) => holds(other, kind, false));
      if (others.length === 0) return;
      const both = holds(flight, kind, false).and(any(others)).reduceOr();
      m.assert(`${QUEUES[i]}_${kind}AreItsOwn`, both.not());
    });
  }
}

/** The rule of section 4 of the microarchitecture, word for word. */
function proveStarts(
  m: ModuleBuilder,
  flights: readonly Flight[],
  semaphores: readonly Semaphore[][],
): void {
  const rule: Signal[] = [];
  flights.forEach(({ head }, i) => {
    const tokens = semaphores[i]!.map(({ from, gives, count }) =>
      implies(head.wait.bit(from), gives.or(count.reduceOr())),
    );
    const conflicts = PORTS.flatMap((kind) =>
      flights.flatMap((other, j) => {
        if (j === i) return [];
        const taken = holds(other, kind, true).and(head[kind]).reduceOr();
        if (j > i) return [taken];
        return [taken, other.head[kind].and(head[kind]).reduceOr().and(rule[j]!)];
      }),
    );
    rule.push(all([head.valid, head.ready, ...tokens, any(conflicts).not()]));
  });
  const starts = joinLanes(flights.map(({ start }) => start));
  m.assert('startsWhatMay', starts.eq(joinLanes(rule)));
}

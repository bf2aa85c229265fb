/**
 * Which heads start in a cycle: those whose unit is ready, whose tokens are there and whose bank ports no
 * other queue holds. Lower queues come first; what they start with counts as held for the others.
 *
 * Between each ordered pair of queues is a counter of tokens. An instruction in flight holds the ports in
 * its masks until it retires; then it gives its tokens, which count in that very cycle.
 */
import { type Chip } from '../../../../chip/index.ts';
import {
  defineModule,
  indexWidth,
  joinLanes,
  type ModuleBuilder,
  type Signal,
} from '../../../../hdl/index.ts';
import { QUEUES } from '../../isa.table.ts';
import { bankCountOf } from '../../sim/banks.ts';
import { controlWord, INSTRUCTION_BITS } from './decoder.ts';
import { anyOf } from './dispatcher.ts';
import { fifo } from './fifo.ts';

const QUEUE_COUNT = QUEUES.length;
export const SEMAPHORE_BITS = 16;

interface Masks {
  readonly readBanks: Signal;
  readonly writeBanks: Signal;
}

/** A queue's head, and what its unit says. */
interface Head extends Masks {
  readonly valid: Signal;
  readonly wait: Signal;
  readonly signal: Signal;
  readonly ready: Signal;
  readonly retire: Signal;
}

/** What leaves a queue's list of instructions in flight in this cycle. */
interface Retiring extends Masks {
  readonly signal: Signal;
  readonly inFlight: Signal;
}

/** Instructions of each queue that can be in flight at once, at least; a power of two. */
function flightDepths({ dma, matrix }: Chip): number[] {
  const powerOfTwo = (count: number): number => 2 ** Math.ceil(Math.log2(count));
  // The matrix unit starts at most every other cycle, and completes what it took after its pipeline.
  return [
    Math.max(2, powerOfTwo(dma.outstandingLoads)),
    powerOfTwo(matrix.pipelineCycles / 2 + 4),
    2,
    2,
  ];
}

export function issue(chip: Chip) {
  const banks = bankCountOf(chip);
  return defineModule({
    name: 'issue',
    comment: 'Starts the heads of the queues: semaphores, and the ports of banks.',
    inputs: {
      headValid: QUEUE_COUNT,
      loadHead: INSTRUCTION_BITS,
      matrixHead: INSTRUCTION_BITS,
      vectorHead: INSTRUCTION_BITS,
      storeHead: INSTRUCTION_BITS,
      ready: QUEUE_COUNT,
      retire: QUEUE_COUNT,
    },
    outputs: { start: QUEUE_COUNT, idle: 1 },
    body(inputs, m) {
      const words = [inputs.loadHead, inputs.matrixHead, inputs.vectorHead, inputs.storeHead];
      const heads = words.map((word, i): Head => ({
        ...controlWord(word, banks),
        valid: inputs.headValid.bit(i),
        ready: inputs.ready.bit(i),
        retire: inputs.retire.bit(i),
      }));
      const starts = QUEUES.map((queue) => m.wire(`${queue}Starts`, 1));
      const depths = flightDepths(chip);
      const retiring = heads.map((head, i) => flight(m, head, starts[i]!, depths[i]!, QUEUES[i]!));
      const tokens = heads.map((_, to) => tokensThere(m, heads, retiring, starts, to));
      const held = heads.map((head, i) =>
        portsHeld(m, head, retiring[i]!, starts[i]!, depths[i]!, QUEUES[i]!),
      );
      starts.forEach((start, i) => {
        const able = heads[i]!.valid.and(heads[i]!.ready).and(tokens[i]!);
        start.set(able.and(portsFree(heads, held, starts, i)));
      });
      const busy = retiring.map(({ inFlight }) => inFlight);
      return { start: joinLanes<Signal>(starts), idle: anyOf(busy).not() };
    },
  });
}

/** The instructions of a queue in flight, oldest first: what they will give and free. */
function flight(
  m: ModuleBuilder,
  head: Head,
  start: Signal,
  depth: number,
  queue: string,
): Retiring {
  const { signal, readBanks, writeBanks, retire } = head;
  const entry = signal.concat(readBanks, writeBanks);
  const banks = readBanks.width;
  const list = m.instance(`${queue}Flight`, fifo(`flight_fifo_${depth}`, depth, entry.width), {
    push: start,
    pushData: entry,
    pop: retire,
  });
  return {
    signal: list.head.high(QUEUE_COUNT).and(retire.repeat(QUEUE_COUNT)),
    readBanks: list.head.slice(2 * banks - 1, banks).and(retire.repeat(banks)),
    writeBanks: list.head.low(banks).and(retire.repeat(banks)),
    inFlight: list.empty.not(),
  };
}

/** Whether queue `to` has a token from each queue its head waits for; counts what comes and goes. */
function tokensThere(
  m: ModuleBuilder,
  heads: readonly Head[],
  retiring: readonly Retiring[],
  starts: readonly Signal[],
  to: number,
): Signal {
  const there = QUEUES.map((queue, from) => {
    const waits = heads[to]!.wait.bit(from);
    const given = retiring[from]!.signal.bit(to);
    const taken = waits.and(starts[to]!);
    const count = m.register(`tokens_${queue}_to_${QUEUES[to]}`, SEMAPHORE_BITS, { reset: 0 });
    const change = taken.mux(-1, count.constant(1));
    count.set(count.add(change), given.xor(taken));
    return waits.not().or(count.reduceOr()).or(given);
  });
  return there.reduce((all, one) => all.and(one));
}

/** Ports of each bank that a queue holds in this cycle; a port is free in the cycle in which its last holder retires. */
function portsHeld(
  m: ModuleBuilder,
  head: Head,
  retiring: Retiring,
  start: Signal,
  depth: number,
  queue: string,
): Masks {
  const bits = indexWidth(depth + 1);
  const held = (kind: 'readBanks' | 'writeBanks'): Signal =>
    joinLanes(
      Array.from({ length: head[kind].width }, (_, bank) => {
        const holders = m.register(`${queue}_${kind}_${bank}`, bits, { reset: 0 });
        const takes = head[kind].bit(bank).and(start);
        const frees = retiring[kind].bit(bank);
        const change = frees.mux(-1, holders.constant(1));
        holders.set(holders.add(change), takes.xor(frees));
        const last = holders.eq(1).and(frees);
        return holders.reduceOr().and(last.not());
      }),
    );
  return { readBanks: held('readBanks'), writeBanks: held('writeBanks') };
}

/** Whether no other queue holds a port that the head of queue `i` needs, or takes one in this cycle. */
function portsFree(
  heads: readonly Head[],
  held: readonly Masks[],
  starts: readonly Signal[],
  i: number,
): Signal {
  const conflicts = (['readBanks', 'writeBanks'] as const).flatMap((kind) => {
    const needs = heads[i]![kind];
    return heads.flatMap((other, j) => {
      if (j === i) return [];
      const holds = needs.and(held[j]![kind]).reduceOr();
      const takes = needs.and(other[kind]).reduceOr().and(starts[j]!);
      return j < i ? [holds, takes] : [holds];
    });
  });
  return anyOf(conflicts).not();
}

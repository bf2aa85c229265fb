/**
 * What the bank ports promise, against a plain list of the masks each queue has at work: a head starts
 * exactly when it can and no other queue holds a port it needs, lower queues first, ports given back in
 * a cycle free in it; and no two queues ever hold one port of one bank.
 *
 * Assumed: a queue retires what is at work, oldest first, with its masks (so the proof of the FIFOs
 * says), and has no more at work than it may.
 */
import {
  defineModule,
  joinLanes,
  type ModuleBuilder,
  type Signal,
} from '../../../src/hdl/index.ts';
import { QUEUES } from '../../../src/target/jade/isa.table.ts';
import { bankPorts } from '../../../src/target/jade/rtl/control/bankPorts.ts';
import { peek } from '../peek.ts';
import { any, countOf, implies } from './conditions.ts';

/** Banks, and instructions at work by queue: few, but every way to meet is there. */
const BANKS = 3;
const AT_WORK = [4, 4, 2, 2] as const;
const COUNT_BITS = 3;
const KINDS = ['Read', 'Write'] as const;
type Kind = (typeof KINDS)[number];

type Named = Readonly<Record<string, Signal>>;

interface Masks {
  readonly Read: Signal;
  readonly Write: Signal;
}

interface Flight {
  readonly queue: string;
  readonly start: Signal;
  readonly retire: Signal;
  readonly can: Signal;
  readonly needs: Masks;
  /** The oldest first. */
  readonly list: readonly (Masks & { readonly isAtWork: Signal })[];
}

export function bankPortsProof() {
  const planes = QUEUES.flatMap((queue, i) =>
    KINDS.flatMap((kind) =>
      Array.from({ length: Math.ceil(Math.log2(AT_WORK[i]! + 1)) }, (_, bit) => {
        return `${queue}_${kind.toLowerCase()}_holders${bit}`;
      }),
    ),
  );
  const opened = peek(
    bankPorts(BANKS, AT_WORK),
    Object.fromEntries(planes.map((plane) => [`${plane}_now`, plane])),
  );
  const inputs = Object.fromEntries(
    Object.entries<Signal>(bankPorts(BANKS, AT_WORK).inputs).map(([port, { width }]) => [
      port,
      width,
    ]),
  );
  return defineModule({
    name: 'bank_ports_proof',
    inputs,
    outputs: {},
    body(ports: Named, m) {
      const dut = m.instance('dut', opened, ports) as Named;
      const flights = QUEUES.map((queue, i) => flightOf(m, queue, ports, dut, AT_WORK[i]!));
      flights.forEach((flight, i) => proveCounts(m, flight, dut, AT_WORK[i]!));
      proveOwnership(m, flights);
      proveStarts(m, flights);
      return {};
    },
  });
}

/** A list that shifts as instructions retire. */
function flightOf(
  m: ModuleBuilder,
  queue: string,
  ports: Named,
  dut: Named,
  depth: number,
): Flight {
  const [start, retire] = [dut[`${queue}Start`]!, ports[`${queue}Retire`]!];
  const needs = { Read: ports[`${queue}Read`]!, Write: ports[`${queue}Write`]! };
  const count = m.register(`${queue}AtWork`, COUNT_BITS, { reset: 0 });
  const remain = count.sub(retire.zeroExtend(COUNT_BITS));
  count.set(remain.add(start.zeroExtend(COUNT_BITS)));
  const entry = needs.Write.concat(needs.Read);
  const places = Array.from({ length: depth }, (_, k) =>
    m.register(`${queue}Entry${k}`, 2 * BANKS),
  );
  places.forEach((place, k) => {
    const next = retire.mux(places[k + 1] ?? place, place);
    place.set(start.and(remain.eq(k)).mux(entry, next));
  });
  const oldest = ports[`${queue}RetiredWrite`]!.concat(ports[`${queue}RetiredRead`]!);
  m.assume(`${queue}RetiresWhatWorks`, implies(retire, count.reduceOr()));
  m.assume(`${queue}RetiresTheOldest`, implies(retire, oldest.eq(places[0]!)));
  m.assume(`${queue}HasRoom`, implies(ports[`${queue}Can`]!, count.ltU(depth).or(retire)));
  m.assert(`${queue}Fits`, count.ltU(depth + 1));
  const list = places.map((place, k) => {
    return { Read: place.low(BANKS), Write: place.high(BANKS), isAtWork: count.geU(k + 1) };
  });
  return { queue, start, retire, can: ports[`${queue}Can`]!, needs, list };
}

/** The bits of the counts, a plane each, are those of the number of holders of each bank. */
function proveCounts(m: ModuleBuilder, { queue, list }: Flight, dut: Named, depth: number): void {
  const bits = Math.ceil(Math.log2(depth + 1));
  for (const kind of KINDS) {
    const planes = Array.from({ length: bits }, (_, bit) => {
      return dut[`${queue}_${kind.toLowerCase()}_holders${bit}_now`]!;
    });
    for (let bank = 0; bank < BANKS; bank++) {
      const counted = joinLanes(planes.map((plane) => plane.bit(bank)));
      const holders = list.map((entry) => entry[kind].bit(bank).and(entry.isAtWork));
      m.assert(`${queue}${kind}sOf${bank}AreCounted`, counted.eq(countOf(holders, bits)));
    }
  }
}

/** Ports held: before this cycle; or in it, without what retires. */
function held({ list, retire }: Flight, kind: Kind, inThisCycle: boolean): Signal {
  const masks = list.map((entry, k) => {
    const stays = inThisCycle && k === 0 ? entry.isAtWork.and(retire.not()) : entry.isAtWork;
    return entry[kind].and(stays.repeat(BANKS));
  });
  return any(masks);
}

function proveOwnership(m: ModuleBuilder, flights: readonly Flight[]): void {
  for (const kind of KINDS) {
    for (const [i, flight] of flights.entries()) {
      for (const other of flights.slice(i + 1)) {
        const both = held(flight, kind, false)
          .and(held(other, kind, false))
          .reduceOr();
        m.assert(`${flight.queue}And_${other.queue}ShareNo${kind}Port`, both.not());
      }
    }
  }
}

function proveStarts(m: ModuleBuilder, flights: readonly Flight[]): void {
  const rule: Signal[] = [];
  for (const [i, { queue, start, can, needs }] of flights.entries()) {
    const conflicts = KINDS.flatMap((kind) =>
      flights.flatMap((other, j) => {
        if (j === i) return [];
        const holds = held(other, kind, true).and(needs[kind]).reduceOr();
        return j > i
          ? [holds]
          : [holds, other.needs[kind].and(needs[kind]).reduceOr().and(rule[j]!)];
      }),
    );
    rule.push(can.and(any(conflicts).not()));
    m.assert(`${queue}StartsWhenItMay`, start.eq(rule[i]!));
  }
}

/**
 * Who holds the ports of the banks, and which heads start.
 *
 * An instruction holds the read and the write ports of the banks in its masks from its start to its
 * retirement. A head starts if it can (all else is there) and no other queue holds a port it needs; a
 * port is free in the cycle in which it is given back. Of the heads of one cycle, the lower queue goes
 * first. Each queue counts its holders bank by bank: a vector for each bit of the counts, added to and
 * taken from like a number, for all banks at once.
 */
import {
  defineModule,
  type Module,
  type ModuleBuilder,
  type Signal,
} from '../../../../hdl/index.ts';
import { QUEUES } from '../../isa.table.ts';

type Ports = Readonly<Record<string, Signal>>;
const KINDS = ['Read', 'Write'] as const;

/**
 * For each queue: inputs `Can`, the masks `Read` and `Write` of its head, `Retire` and the masks
 * `RetiredRead` and `RetiredWrite` of what retires; output `Start`. `inFlight` bounds by queue how many
 * instructions are between start and retirement.
 */
export function bankPorts(banks: number, inFlight: readonly number[]): Module {
  const each = (name: string, width: number): Record<string, number> =>
    Object.fromEntries(QUEUES.map((queue) => [`${queue}${name}`, width]));
  return defineModule({
    name: 'bank_ports',
    comment:
      'Counts the holders of the ports of each bank and starts the heads whose ports are free.',
    inputs: {
      ...each('Can', 1),
      ...each('Read', banks),
      ...each('Write', banks),
      ...each('Retire', 1),
      ...each('RetiredRead', banks),
      ...each('RetiredWrite', banks),
    },
    outputs: each('Start', 1),
    body(ports: Ports, m) {
      const counters = QUEUES.map((queue, i) =>
        KINDS.map((kind) => new Holders(m, ports, queue, kind, banks, inFlight[i]!)),
      );
      const starts = QUEUES.map((queue, i) => {
        const conflicts = KINDS.map((kind, k) => {
          const others = counters.filter((_, j) => j !== i).map((pair) => pair[k]!.held);
          const held = others.reduce((all, mask) => all.or(mask));
          return held.and(ports[`${queue}${kind}`]!).reduceOr();
        });
        const free = conflicts[0]!.or(conflicts[1]!).not();
        const start = ports[`${queue}Can`]!.and(free).named(`${queue}Starts`);
        for (const counter of counters[i]!) counter.start(start);
        return start;
      });
      return Object.fromEntries(QUEUES.map((queue, i) => [`${queue}Start`, starts[i]!]));
    },
  });
}

/** The counts of one queue's holders of one kind of port. */
class Holders {
  /** Banks held in this cycle, those given back in it excluded; once started, the new ones included. */
  held: Signal;
  private readonly planes: readonly ReturnType<ModuleBuilder['register']>[];
  private readonly left: readonly Signal[];
  private readonly taken: Signal;

  constructor(
    m: ModuleBuilder,
    ports: Ports,
    queue: string,
    kind: 'Read' | 'Write',
    banks: number,
    inFlight: number,
  ) {
    const bits = Math.ceil(Math.log2(inFlight + 1));
    this.planes = Array.from({ length: bits }, (_, bit) =>
      m.register(`${queue}${kind}Holders${bit}`, banks, { reset: 0 }),
    );
    const back = ports[`${queue}Retire`]!.repeat(banks).and(ports[`${queue}Retired${kind}`]!);
    this.left = step(this.planes, back, (plane) => plane.not());
    this.taken = ports[`${queue}${kind}`]!;
    this.held = this.left.reduce((any, plane) => any.or(plane));
  }

  start(start: Signal): void {
    const added = start.repeat(this.taken.width).and(this.taken);
    const next = step(this.left, added, (plane) => plane);
    for (const [bit, plane] of this.planes.entries()) plane.set(next[bit]!);
    this.held = this.held.or(added);
  }
}

/** Adds the bit of each bank to its count; or takes it away, if a carry goes on where a plane is 0. */
function step(
  planes: readonly Signal[],
  bits: Signal,
  carries: (plane: Signal) => Signal,
): Signal[] {
  let carry = bits;
  return planes.map((plane) => {
    const sum = plane.xor(carry);
    carry = carries(plane).and(carry);
    return sum;
  });
}

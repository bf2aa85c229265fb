/**
 * Control: takes instructions in program order, one a cycle, into the FIFO of their queue, and starts the
 * head of each queue when its unit, its tokens and its ports are there.
 *
 *   dispatched in d, at the head from d + 2 on, started in s, retired in e
 *
 * A FIFO has room again from s + 1 on; tokens and ports given back in e serve a start in e.
 */
import type { Chip } from '../../../../chip/index.ts';
import {
  defineModule,
  type Module,
  type ModuleBuilder,
  type Signal,
} from '../../../../hdl/index.ts';
import { QUEUES, type Queue } from '../../isa.table.ts';
import { bankCountOf } from '../../sim/banks.ts';
import { QUEUE_DEPTH } from '../../sim/dispatch.ts';
import { bankPorts } from './bankPorts.ts';
import {
  bankMasks,
  decode,
  fieldPort,
  fieldsOf,
  headerOf,
  INSTRUCTION_BITS,
  isOf,
  OPCODE_BITS,
  wordsOf,
} from './decoder.ts';
import { fifo } from './fifo.ts';
import { semaphores } from './semaphores.ts';

/** Instructions of VECTOR or STORE that may be between start and retirement. */
const IN_FLIGHT = 2;

type Ports = Readonly<Record<string, Signal>>;

/**
 * Inputs: `valid`, `instruction`; for each queue `<queue>Ready` of its unit, true if it can take the
 * head, and `<queue>Retire`. Outputs: `ready`; `idle`, nothing is waiting or at work; `illegal`, an
 * unknown opcode is taken and dropped; for each queue `<queue>Start`, `<queue>Opcode` and the fields of
 * its head.
 */
export function control(chip: Chip): Module {
  const inFlight = QUEUES.map((queue) => {
    if (queue === 'load') return powerOfTwo(chip.dma.outstandingLoads);
    // The matrix unit starts at most every other cycle, and completes what it took after its pipeline.
    return queue === 'matrix' ? powerOfTwo(chip.matrix.pipelineCycles / 2 + 4) : IN_FLIGHT;
  });
  const outputs: Record<string, number> = {
    ready: 1,
    idle: 1,
    illegal: 1,
    ...Object.fromEntries(QUEUES.flatMap(queueOutputs)),
  };
  return defineModule({
    name: 'control',
    comment: 'Dispatches instructions to the four queues and starts their heads.',
    inputs: {
      valid: 1,
      instruction: INSTRUCTION_BITS,
      ...Object.fromEntries(
        QUEUES.flatMap((q): [string, number][] => [
          [`${q}Ready`, 1],
          [`${q}Retire`, 1],
        ]),
      ),
    },
    outputs,
    body: (ports: Ports, m) => body(ports, m, bankCountOf(chip), inFlight),
  });
}

/** Places of a FIFO for so many entries. */
function powerOfTwo(entries: number): number {
  return Math.max(2, 2 ** Math.ceil(Math.log2(entries)));
}

function queueOutputs(queue: Queue): [string, number][] {
  return [
    [`${queue}Start`, 1],
    [`${queue}Opcode`, OPCODE_BITS],
    ...fieldsOf(queue).map(({ name, bits }): [string, number] => [fieldPort(queue, name), bits]),
  ];
}

/** The head of a queue, and what control keeps of those at work. */
interface Lane {
  readonly queue: Queue;
  /** For the queue it is of, the instruction offered now can be taken. */
  readonly accepts: Signal;
  readonly empty: Signal;
  readonly valid: Signal;
  readonly words: Signal;
  readonly read: Signal;
  readonly write: Signal;
}

function body(
  ports: Ports,
  m: ModuleBuilder,
  banks: number,
  inFlight: readonly number[],
): Record<string, Signal> {
  const starts = Object.fromEntries(QUEUES.map((queue) => [queue, m.wire(`${queue}Starts`, 1)]));
  const lanes = QUEUES.map((queue) => lane(m, ports, queue, starts[queue]!, banks));
  const working = lanes.map((each, i) => atWork(m, ports, each, starts[each.queue]!, inFlight[i]!));
  const tokens = m.instance('semaphores', semaphores(), {
    ...perQueue('Wait', (i) => headerOf(lanes[i]!.words).wait),
    ...perQueue('Start', (i) => starts[QUEUES[i]!]!),
    ...perQueue('Retire', (i) => ports[`${QUEUES[i]}Retire`]!),
    ...perQueue('Signal', (i) => working[i]!.signal),
  });
  const arbiter = m.instance('bankPorts', bankPorts(banks, inFlight), {
    ...perQueue('Can', (i) => {
      const queue = QUEUES[i]!;
      return lanes[i]!.valid.and(ports[`${queue}Ready`]!).and(tokens[`${queue}Ready`]!);
    }),
    ...perQueue('Read', (i) => lanes[i]!.read),
    ...perQueue('Write', (i) => lanes[i]!.write),
    ...perQueue('Retire', (i) => ports[`${QUEUES[i]}Retire`]!),
    ...perQueue('RetiredRead', (i) => working[i]!.read),
    ...perQueue('RetiredWrite', (i) => working[i]!.write),
  });
  for (const queue of QUEUES) starts[queue]!.set(arbiter[`${queue}Start`]!);
  const opcode = ports['instruction']!.low(OPCODE_BITS);
  const illegal = QUEUES.map((queue) => isOf(queue, opcode))
    .reduce((any, is) => any.or(is))
    .not();
  const all = (bits: readonly Signal[]): Signal => bits.reduce((sum, bit) => sum.and(bit));
  return {
    ready: lanes.map(({ accepts }) => accepts).reduce((any, each) => any.or(each), illegal),
    idle: all([...lanes, ...working].map(({ empty }) => empty)),
    illegal: illegal.and(ports['valid']!),
    ...Object.assign({}, ...lanes.map((each) => headOutputs(each, starts[each.queue]!))),
  };
}

function perQueue(name: string, value: (queue: number) => Signal): Record<string, Signal> {
  return Object.fromEntries(QUEUES.map((queue, i) => [`${queue}${name}`, value(i)]));
}

/** The FIFO of a queue: the words that its instructions use, and the masks of banks. */
function lane(m: ModuleBuilder, ports: Ports, queue: Queue, start: Signal, banks: number): Lane {
  const instruction = ports['instruction']!;
  const used = 32 * wordsOf(queue);
  const { read, write } = bankMasks(instruction, banks);
  const mine = isOf(queue, instruction.low(OPCODE_BITS)).named(`is_${queue}`);
  const push = m.wire(`${queue}Push`, 1);
  const { room, empty, valid, data } = m.instance(
    `${queue}Queue`,
    fifo(QUEUE_DEPTH, used + 2 * banks),
    { push, pushData: write.concat(read, instruction.low(used)), pop: start },
  );
  const accepts = mine.and(room);
  push.set(accepts.and(ports['valid']!));
  return {
    queue,
    accepts,
    empty,
    valid,
    words: data.low(used),
    read: data.slice(used + banks - 1, used),
    write: data.high(banks),
  };
}

interface AtWork {
  readonly empty: Signal;
  readonly signal: Signal;
  readonly read: Signal;
  readonly write: Signal;
}

/** What an instruction gives back when it retires, from its start on; a queue retires in order. */
function atWork(
  m: ModuleBuilder,
  ports: Ports,
  { queue, words, read, write }: Lane,
  start: Signal,
  depth: number,
): AtWork {
  const { signal } = headerOf(words);
  const pushData = write.concat(read, signal);
  const [masks, banks] = [signal.width, read.width];
  const { empty, data } = m.instance(`${queue}AtWork`, fifo(depth, pushData.width), {
    push: start,
    pushData,
    pop: ports[`${queue}Retire`]!,
  });
  return {
    empty,
    signal: data.low(masks),
    read: data.slice(masks + banks - 1, masks),
    write: data.high(banks),
  };
}

function headOutputs({ queue, words }: Lane, start: Signal): Record<string, Signal> {
  const fields = Object.entries(decode(queue, words)).map(([name, value]) => {
    return [fieldPort(queue, name), value] as const;
  });
  return {
    [`${queue}Start`]: start,
    [`${queue}Opcode`]: headerOf(words).opcode,
    ...Object.fromEntries(fields),
  };
}

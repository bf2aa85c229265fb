/**
 * What programs exercise: for each instruction, the classes its fields and counts fall into; for each
 * run, what its instructions did to each other. A class that no program reaches is a blind spot.
 */
import type { Chip } from '../../../chip/index.ts';
import { QUEUES, type Opcode } from '../isa.table.ts';
import type { Commit, RunOptions, RunStats } from '../sim/simulator.ts';
import { QUEUE_DEPTH } from '../sim/dispatch.ts';
import { CLASSES } from './coverageClasses.ts';

/** How many instructions, or runs, are in each class. */
export class Coverage {
  private readonly chip: Chip;
  private readonly counts = new Map<string, number>();
  private commits: Commit[] = [];

  constructor(chip: Chip) {
    this.chip = chip;
    for (const name of allClasses()) this.counts.set(name, 0);
  }

  /** For `RunOptions.observe`. */
  readonly observe: NonNullable<RunOptions['observe']> = (commit, state) => {
    this.commits.push(commit);
    const { op, fields } = commit.instruction;
    const facts = { f: fields, rows: commit.rows, chip: this.chip, state };
    this.hit(`${op}: all`);
    for (const [name, isIn] of CLASSES[op]) if (isIn(facts)) this.hit(`${op}: ${name}`);
  };

  /** Ends the run of the instructions observed since the last one. */
  ran(stats: RunStats): void {
    this.commits.sort((a, b) => a.index - b.index);
    for (const queue of fullQueues(this.commits)) this.hit(`${QUEUES[queue]} queue: full`);
    for (const queue of QUEUES) this.countQueue(queue, stats);
    const starts = Map.groupBy(this.commits, ({ start }) => start);
    const together = Math.max(0, ...[...starts.values()].map(({ length }) => length));
    if (together >= 2) this.hit('run: two start in one cycle');
    if (together >= 3) this.hit('run: three start in one cycle');
    if (stats.fault) this.hit('run: a fault');
    this.commits = [];
  }

  /** Classes and how often each was met, in the order of the instruction set. */
  get rows(): readonly (readonly [name: string, count: number])[] {
    return [...this.counts];
  }

  /** The classes that nothing was in. */
  get missed(): string[] {
    return this.rows.filter(([, count]) => count === 0).map(([name]) => name);
  }

  private countQueue(queue: (typeof QUEUES)[number], stats: RunStats): void {
    const index = QUEUES.indexOf(queue);
    const stalls = stats.stallCycles[index]!;
    const own = this.commits.filter((commit) => commit.queue === index);
    const gaps = own.slice(1).map(({ start }, i) => start - own[i]!.end);
    if (stalls.port > 0) this.hit(`${queue} queue: waits for a port`);
    if (QUEUES.some((from) => stalls[from] > 0)) this.hit(`${queue} queue: waits for a token`);
    if (gaps.some((gap) => gap < 0)) this.hit(`${queue} queue: two in flight`);
  }

  private hit(name: string): void {
    const count = this.counts.get(name);
    if (count !== undefined) this.counts.set(name, count + 1);
  }
}

/** Queues whose FIFO stopped the dispatcher, by the rule of its cycles; `commits` in program order. */
function fullQueues(commits: readonly Commit[]): Set<number> {
  const starts = QUEUES.map(() => [] as number[]);
  const full = new Set<number>();
  let dispatched = -1;
  for (const { queue, start } of commits) {
    const before = starts[queue]!.at(-QUEUE_DEPTH) ?? -1;
    if (before > dispatched) full.add(queue);
    dispatched = Math.max(dispatched, before) + 1;
    starts[queue]!.push(start);
  }
  return full;
}

/** Queues in which the unit takes an instruction before the one before it has completed. */
const OVERLAPPING = new Set(['load', 'matrix']);

function allClasses(): string[] {
  const opcodes = Object.keys(CLASSES) as Opcode[];
  const instructions = opcodes.flatMap((op) => [
    `${op}: all`,
    ...CLASSES[op].map(([name]) => `${op}: ${name}`),
  ]);
  const queues = QUEUES.flatMap((queue) => {
    const kinds = ['waits for a port', 'waits for a token', 'full'];
    const overlap = OVERLAPPING.has(queue) ? ['two in flight'] : [];
    return [...kinds, ...overlap].map((kind) => `${queue} queue: ${kind}`);
  });
  const runs = ['two start in one cycle', 'three start in one cycle', 'a fault'];
  return [...instructions, ...queues, ...runs.map((name) => `run: ${name}`)];
}

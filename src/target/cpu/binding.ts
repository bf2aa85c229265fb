/** A program on the memory of a device: its calls with addresses, cut into tasks for threads. */
import { resolveArgument, scratchAddress, type Layout } from './deviceMemory.ts';
import type { CpuProgram } from './emit.ts';
import {
  cutCall,
  inOrder,
  sharesByRows,
  sharedBytes,
  workOf,
  type KernelCall,
} from './kernels/cut.ts';
import { KERNELS, type KernelName } from './kernels/kernels.table.ts';
import { streams, type Piece } from './kernels/pieces.ts';
import type { Placed, Step } from './steps.ts';
import type { Work } from './threads/calls.ts';
import {
  packCalls,
  type BoundStep,
  type Call,
  type StateArg,
  type Task,
} from './threads/packing.ts';
import { MOST_TASKS } from './threads/tally.ts';

/** Valid for one layout of the memory. */
export interface Binding {
  readonly layout: Layout;
  readonly work: Work;
}

/** How finely a step is cut. */
export interface Cutting {
  readonly threads: number;
  /** The least multiply-accumulates of a task, as far as a step has so many. */
  readonly workOfPart: number;
}

/** Tasks for each thread, so that all end together; more where these are long. */
const TASKS_OF_THREAD = 16;
const MOST_TASKS_OF_THREAD = 32;
/** Multiply-accumulates of a long task, by those of the least: a hundred microseconds or so. */
const LONG = 16;

/** What a step counts for that no part of is done by another thread. */
const WORK_OF_WHOLE = 1 << 16;

/** A step with the addresses of its arguments. */
interface Bound extends KernelCall {
  readonly step: BoundStep;
}

export function bindProgram(program: CpuProgram, layout: Layout, cutting: Cutting): Binding {
  const { steps, scratchBytes, dims } = program.content;
  const bound = steps.map((step, i) => bindStep(step, i, layout));
  const sections = Map.groupBy(bound, ({ step }) => steps[step.number]!.section);
  const calls = [...sections.values()].map((section) => {
    const { byRows } = steps[section[0]!.step.number]!;
    return tasksOf(section, byRows ? dims.B * dims.T : undefined, cutting);
  });
  const packed = packCalls(joinSingle(calls).flatMap(inCalls));
  return {
    layout,
    work: { ...packed, scratchAddress: scratchAddress(program, layout), scratchBytes },
  };
}

function bindStep({ kernel, args }: Step<Placed>, number: number, layout: Layout): Bound {
  const values = Object.fromEntries(
    Object.entries(args).map(([name, argument]) => [name, resolveArgument(argument, layout)]),
  );
  const places = {
    scratchArgs: scratchArgs(kernel, args),
    stateArgs: stateArgs(kernel, args, layout),
  };
  return { step: { number, kernel, ...places }, kernel, args: values };
}

/** The tasks of a section: one if it is not worth sharing, some of its rows through all of its steps if it has `rows`. */
function tasksOf(
  section: readonly Bound[],
  rows: number | undefined,
  cutting: Cutting,
): readonly Task[] {
  const works = section.map((bound) => workOf(bound) ?? WORK_OF_WHOLE);
  const wanted = tasksFor(
    works.reduce((sum, work) => sum + work, 0),
    cutting,
  );
  if (wanted <= 1) return [section.map((bound) => ({ step: bound.step, args: inOrder(bound) }))];
  if (rows !== undefined) {
    const shares = section.map((bound) => sharesByRows(bound, rows));
    return piecesOfRows(section, rows, wanted, cutting).map(([start, count]) =>
      section.map(({ step }, i) => ({ step, args: shares[i]!(start, count) })),
    );
  }
  return section.flatMap((bound, i) =>
    cutCall(bound, { wanted: tasksFor(works[i]!, cutting), threads: cutting.threads }).map(
      (args) => [{ step: bound.step, args }],
    ),
  );
}

/** Shares of rows: a run for each thread, in one piece where each reads all of a weight. */
function piecesOfRows(
  section: readonly Bound[],
  rows: number,
  wanted: number,
  { threads }: Cutting,
): readonly Piece[] {
  const reads = section.some(({ kernel, args }) => sharedBytes(kernel, args) > 0);
  const least = Math.ceil(rows / (reads ? Math.min(threads, wanted) : wanted));
  return streams(rows, threads, { grain: 1, least });
}

function tasksFor(work: number, { threads, workOfPart }: Cutting): number {
  const long = Math.min(MOST_TASKS_OF_THREAD * threads, Math.floor(work / workOfPart / LONG));
  return Math.min(Math.floor(work / workOfPart), Math.max(TASKS_OF_THREAD * threads, long));
}

/** Calls of one task after one another become one: whoever has done the first does the next. */
function joinSingle(calls: readonly (readonly Task[])[]): (readonly Task[])[] {
  const joined: (readonly Task[])[] = [];
  for (const tasks of calls) {
    const [before, own] = [joined.at(-1), tasks[0]!];
    if (tasks.length === 1 && before?.length === 1)
      joined[joined.length - 1] = [[...before[0]!, ...own]];
    else joined.push(tasks);
  }
  return joined;
}

/** No call has more than MOST_TASKS tasks. */
function inCalls(tasks: readonly Task[]): Call[] {
  return Array.from({ length: Math.ceil(tasks.length / MOST_TASKS) }, (_, i) =>
    tasks.slice(i * MOST_TASKS, (i + 1) * MOST_TASKS),
  );
}

/** Which arguments, in the order of the table, are places in scratch memory. */
function scratchArgs(kernel: KernelName, args: Step<Placed>['args']): number[] {
  const names = Object.keys(KERNELS[kernel]);
  return names.flatMap((name, i) => {
    const argument = args[name]!;
    return typeof argument === 'object' && argument.space === 'scratch' ? [i] : [];
  });
}

/** Which arguments are places in a state. */
function stateArgs(kernel: KernelName, args: Step<Placed>['args'], layout: Layout): StateArg[] {
  const names = Object.keys(KERNELS[kernel]);
  return names.flatMap((name, index) => {
    const argument = args[name]!;
    if (typeof argument !== 'object' || argument.space !== 'state') return [];
    return [{ index, slotBytes: layout.slotBytes.get(argument.name)! }];
  });
}

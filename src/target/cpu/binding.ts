/** A program on the memory of a device: its calls with addresses, cut into tasks for threads. */
import { resolveArgument, scratchAddress, type Layout } from './deviceMemory.ts';
import type { CpuProgram } from './emit.ts';
import { cutCall, inOrder, rowsOfCall, sharedBytes, workOf, type Part } from './kernels/cut.ts';
import { KERNELS, type KernelName } from './kernels/kernels.table.ts';
import type { Placed, Step } from './steps.ts';
import type { Call, Chunk, StateArg, Task, Work } from './threads/calls.ts';
import { MOST_TASKS } from './threads/tally.ts';

/** Valid for one layout of the memory. */
export interface Binding extends Work {
  readonly layout: Layout;
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
interface Bound extends Part {
  readonly step: number;
  readonly scratchArgs: readonly number[];
  readonly stateArgs: readonly StateArg[];
}

export function bindProgram(program: CpuProgram, layout: Layout, cutting: Cutting): Binding {
  const { steps, scratchBytes, dims } = program.content;
  const bound = steps.map((step, i) => bindStep(step, i, layout));
  const sections = Map.groupBy(bound, ({ step }) => steps[step]!.section);
  const calls = [...sections.values()].map((section) => {
    const { byRows } = steps[section[0]!.step]!;
    return tasksOf(section, byRows ? dims.B * dims.T : undefined, cutting);
  });
  return {
    layout,
    calls: joinSingle(calls).flatMap(inCalls),
    scratchAddress: scratchAddress(program, layout),
    scratchBytes,
  };
}

function bindStep({ kernel, args }: Step<Placed>, step: number, layout: Layout): Bound {
  const values = Object.fromEntries(
    Object.entries(args).map(([name, argument]) => [name, resolveArgument(argument, layout)]),
  );
  const places = {
    scratchArgs: scratchArgs(kernel, args),
    stateArgs: stateArgs(kernel, args, layout),
  };
  return { step, kernel, args: values, ...places };
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
  if (wanted <= 1) return [section.map((bound) => chunkOf(bound, bound))];
  if (rows !== undefined) {
    const count = Math.min(wanted, sharesOf(section, rows, cutting));
    const start = (i: number): number => Math.floor((i * rows) / count);
    return Array.from({ length: count }, (_, i) =>
      section.map((bound) => chunkOf(bound, rowsOfCall(bound, rows, start(i), start(i + 1)))),
    );
  }
  return section.flatMap((bound, i) =>
    cutCall(bound, { wanted: tasksFor(works[i]!, cutting), threads: cutting.threads }).map(
      (part) => [chunkOf(bound, part)],
    ),
  );
}

/** The most shares of rows: one a thread where each reads all of a weight. */
function sharesOf(section: readonly Bound[], rows: number, { threads }: Cutting): number {
  const reads = section.some(({ kernel, args }) => sharedBytes(kernel, args) > 0);
  return reads ? threads : rows;
}

function tasksFor(work: number, { threads, workOfPart }: Cutting): number {
  const long = Math.min(MOST_TASKS_OF_THREAD * threads, Math.floor(work / workOfPart / LONG));
  return Math.min(Math.floor(work / workOfPart), Math.max(TASKS_OF_THREAD * threads, long));
}

function chunkOf({ step, scratchArgs: scratch, stateArgs: states }: Bound, part: Part): Chunk {
  const places = { scratchArgs: scratch, stateArgs: states };
  return { step, kernel: part.kernel, args: inOrder(part), ...places };
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

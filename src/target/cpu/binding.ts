/** A program on the memory of a device: its calls with addresses, cut into chunks. */
import { resolveArgument, scratchAddress, type Layout } from './deviceMemory.ts';
import { type CpuProgram } from './emit.ts';
import { cutCall, inOrder, type Cutting } from './kernels/cut.ts';
import { KERNELS, type KernelName } from './kernels/kernels.table.ts';
import { type Placed, type Step } from './steps.ts';
import { type Call, type Chunk, type StateArg, type Work } from './threads/calls.ts';
import { MOST_CHUNKS } from './threads/walk.ts';

/** Valid for one layout of the memory. */
export interface Binding extends Work {
  readonly layout: Layout;
}

/** Steps are cut into chunks as `cutting` says. */
export function bindProgram(program: CpuProgram, layout: Layout, cutting: Cutting): Binding {
  const { steps, scratchBytes } = program.content;
  const chunks = steps.map((step, i) => chunksOf(step, i, layout, cutting));
  const rounds = Map.groupBy(chunks.keys(), (i) => steps[i]!.round);
  return {
    layout,
    calls: [...rounds.values()].flatMap((round) => inCalls(round.flatMap((i) => chunks[i]!))),
    scratchAddress: scratchAddress(program, layout),
    scratchBytes,
  };
}

/** No call has more than MOST_CHUNKS chunks. */
function inCalls(chunks: readonly Chunk[]): Call[] {
  return Array.from({ length: Math.ceil(chunks.length / MOST_CHUNKS) }, (_, i) =>
    chunks.slice(i * MOST_CHUNKS, (i + 1) * MOST_CHUNKS),
  );
}

function chunksOf(
  { kernel, args }: Step<Placed>,
  step: number,
  layout: Layout,
  cutting: Cutting,
): Chunk[] {
  const values = Object.fromEntries(
    Object.entries(args).map(([name, argument]) => [name, resolveArgument(argument, layout)]),
  );
  const places = {
    scratchArgs: scratchArgs(kernel, args),
    stateArgs: stateArgs(kernel, args, layout),
  };
  return cutCall({ kernel, args: values }, cutting).map((part) => ({
    step,
    kernel: part.kernel,
    args: inOrder(part),
    ...places,
  }));
}

/** Which arguments, in the order of the table, are places in scratch memory. */
function scratchArgs(kernel: KernelName, args: Step<Placed>['args']): number[] {
  const names = Object.keys(KERNELS[kernel]);
  return names.flatMap((name, i) => {
    const argument = args[name]!;
    return typeof argument === 'object' && argument.space === 'scratch' ? [i] : [];
  });
}

function stateArgs(kernel: KernelName, args: Step<Placed>['args'], layout: Layout): StateArg[] {
  const names = Object.keys(KERNELS[kernel]);
  return names.flatMap((name, index) => {
    const argument = args[name]!;
    if (typeof argument !== 'object' || argument.space !== 'state') return [];
    return [{ index, slotBytes: layout.slotBytes.get(argument.name)! }];
  });
}

/** A program on the memory of a device: its calls with addresses, cut into chunks. */
import { resolveArgument, scratchAddress, type Layout } from './deviceMemory.ts';
import { type CpuProgram } from './emit.ts';
import { cutCall, inOrder } from './kernels/cut.ts';
import { KERNELS } from './kernels/kernels.table.ts';
import { type Placed, type Step } from './steps.ts';
import { type Call } from './threads/calls.ts';

/** Valid for one layout of the memory. */
export interface Binding {
  readonly layout: Layout;
  readonly calls: readonly Call[];
  /** Where the scratch memory of the first thread starts, and what each has. */
  readonly scratchAddress: number;
  readonly scratchBytes: number;
}

/** Chunks have at least `workOfPart` multiply-accumulates, as far as a call has. */
export function bindProgram(program: CpuProgram, layout: Layout, workOfPart: number): Binding {
  const { steps, scratchBytes } = program.content;
  return {
    layout,
    calls: steps.map((step) => callOf(step, layout, workOfPart)),
    scratchAddress: scratchAddress(program, layout),
    scratchBytes,
  };
}

function callOf({ kernel, args }: Step<Placed>, layout: Layout, workOfPart: number): Call {
  const values = Object.fromEntries(
    Object.entries(args).map(([name, argument]) => [name, resolveArgument(argument, layout)]),
  );
  const chunks = cutCall({ kernel, args: values }, workOfPart).map((part) => ({
    kernel: part.kernel,
    args: inOrder(part),
  }));
  return { chunks, scratchArgs: scratchArgs({ kernel, args }) };
}

/** Which arguments, in the order of the table, are places in scratch memory. */
function scratchArgs({ kernel, args }: Pick<Step<Placed>, 'kernel' | 'args'>): number[] {
  const names = Object.keys(KERNELS[kernel]);
  return names.flatMap((name, i) => {
    const argument = args[name]!;
    return typeof argument === 'object' && argument.space === 'scratch' ? [i] : [];
  });
}

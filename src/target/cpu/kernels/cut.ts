/** Cuts calls of kernels along the axes of the table. */
import { CUTS, type Arguments, type Axis } from './cuts.table.ts';
import { KERNELS, type KernelName } from './kernels.table.ts';
import { alike, streams } from './pieces.ts';
import { ELEMENT_BYTES } from './vectors.ts';

/** A call of a kernel; arguments by name. */
export interface Part {
  readonly kernel: KernelName;
  readonly args: Arguments;
}

/** How finely a call is cut: so many parts or few more, for so many threads. */
export interface Fineness {
  readonly wanted: number;
  readonly threads: number;
}

/** Parts of a call, in the order in which they should be taken; they depend on what is given here alone. */
export function cutCall(part: Part, { wanted, threads }: Fineness): readonly Part[] {
  let parts: readonly Part[] = [part];
  for (const axis of CUTS[part.kernel]?.axes ?? []) {
    const fineness = { wanted: Math.ceil(wanted / parts.length), threads };
    parts = parts.flatMap((one) => cutAlong(axis, one, fineness));
  }
  return parts;
}

function cutAlong(axis: Axis, part: Part, { wanted, threads }: Fineness): readonly Part[] {
  const { extent, when = () => true } = axis;
  const [units, grain] = [part.args[extent]!, grainOf(axis, part.args)];
  if (wanted <= 1 || units === 0 || !when(part.args)) return [part];
  const grains = { grain, least: Math.ceil(units / wanted / grain) * grain };
  const pieces = axis.isStream ? streams(units, threads, grains) : alike(units, grains);
  const shareOf = sharesAlong(axis, part);
  return pieces.map(([start, count]) => shareOf(start, count));
}

/** Multiply-accumulates of a call, or elements that it moves; undefined if it runs in one piece. */
export function workOf({ kernel, args }: Part): number | undefined {
  return CUTS[kernel]?.work(args);
}

/**
 * The parameters that point at the shares of a call where its work has a share for each of `rows` rows, of all values
 * alike; undefined where it has not: see `Cut`.
 */
export function sharedParameters(
  kernel: KernelName,
  args: object,
  rows: number,
): readonly string[] | undefined {
  const axis = rowAxis(kernel, args as Arguments, rows);
  return axis && Object.keys({ ...axis.elements, ...axis.adds });
}

/** Whether a call is better cut otherwise where rows are too few for all threads, as by heads. */
export function needsManyRows(kernel: KernelName): boolean {
  return typeof CUTS[kernel]?.rowWise === 'object';
}

/** Bytes that each share of the rows of a call reads whole. */
export function sharedBytes(kernel: KernelName, args: object): number {
  return CUTS[kernel]?.sharedBytes?.(args as Arguments) ?? 0;
}

/** A share of a call. */
type ShareOf = (start: number, count: number) => Part;

/** The shares of a call, with `sharedParameters`, that have some of `rows` rows. */
export function sharesByRows(part: Part, rows: number): ShareOf {
  const axis = rowAxis(part.kernel, part.args, rows)!;
  const units = part.args[axis.extent]! / rows;
  const shareOf = sharesAlong(axis, part);
  return (start, count) => shareOf(start * units, count * units);
}

function rowAxis(kernel: KernelName, args: Arguments, rows: number): Axis | undefined {
  const { rowWise, axes = [] } = CUTS[kernel] ?? {};
  const candidates = rowWise === true ? axes : [rowWise ?? []].flat();
  return candidates.find((axis) => args[axis.extent]! % (rows * grainOf(axis, args)) === 0);
}

function grainOf({ grain = 1 }: Axis, args: Arguments): number {
  return typeof grain === 'number' ? grain : grain(args);
}

/** The shares of a call that have some of the units of an axis. */
function sharesAlong(axis: Axis, { kernel, args }: Part): ShareOf {
  const stepsOf = (perUnit: Axis['elements'], factor: number): [string, number][] =>
    Object.entries(perUnit).map(([name, each]) => {
      return [name, factor * (typeof each === 'number' ? each : each(args))];
    });
  const steps = [...stepsOf(axis.elements, ELEMENT_BYTES), ...stepsOf(axis.adds ?? {}, 1)];
  return (start, count) => {
    const moved = { ...args, [axis.extent]: count };
    for (const [name, step] of steps) moved[name] = args[name]! + start * step;
    return { kernel, args: moved };
  };
}

/** The arguments of a part in the order of the table. */
export function inOrder({ kernel, args }: Part): number[] {
  return Object.keys(KERNELS[kernel]).map((name) => args[name]!);
}

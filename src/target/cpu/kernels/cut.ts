/** Cuts calls of kernels along the axes of the table. */
import { CUTS, type Arguments, type Axis } from './cuts.table.ts';
import { KERNELS, type KernelName } from './kernels.table.ts';
import { alike, streams } from './pieces.ts';
import { ELEMENT_BYTES } from './vectors.ts';

/** A call of a kernel; arguments by name. Its parts are thousands, and have theirs in the order of the table. */
export interface KernelCall {
  readonly kernel: KernelName;
  readonly args: Arguments;
}

/** How finely a call is cut: so many parts or few more, for so many threads. */
export interface Fineness {
  readonly wanted: number;
  readonly threads: number;
}

/**
 * The arguments of the parts of a call, in the order in which they should be taken; they depend on what is given here alone.
 */
export function cutCall(call: KernelCall, { wanted, threads }: Fineness): readonly number[][] {
  const { kernel } = call;
  let parts: readonly number[][] = [inOrder(call)];
  for (const axis of CUTS[kernel]?.axes ?? []) {
    const fineness = { wanted: Math.ceil(wanted / parts.length), threads };
    if (fineness.wanted <= 1) break;
    parts =
      parts.length === 1
        ? cutAlong(axis, call, fineness)
        : parts.flatMap((part) => cutAlong(axis, callOf(kernel, part), fineness));
  }
  return parts;
}

function cutAlong(
  axis: Axis,
  call: KernelCall,
  { wanted, threads }: Fineness,
): readonly number[][] {
  const { extent, when = () => true } = axis;
  const [units, grain] = [call.args[extent]!, grainOf(axis, call.args)];
  if (units === 0 || !when(call.args)) return [inOrder(call)];
  const grains = { grain, least: Math.ceil(units / wanted / grain) * grain };
  const pieces = axis.isStream ? streams(units, threads, grains) : alike(units, grains);
  const shareOf = sharesAlong(axis, call);
  return pieces.map(([start, count]) => shareOf(start, count));
}

/** Multiply-accumulates of a call, or elements that it moves; undefined if it runs in one piece. */
export function workOf({ kernel, args }: KernelCall): number | undefined {
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

/** The arguments of a share of a call. */
type ShareOf = (start: number, count: number) => number[];

/** The shares of a call, with `sharedParameters`, that have some of `rows` rows. */
export function sharesByRows(call: KernelCall, rows: number): ShareOf {
  const axis = rowAxis(call.kernel, call.args, rows)!;
  const units = call.args[axis.extent]! / rows;
  const shareOf = sharesAlong(axis, call);
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
function sharesAlong(axis: Axis, call: KernelCall): ShareOf {
  const names = Object.keys(KERNELS[call.kernel]);
  const stepsOf = (perUnit: Axis['elements'], factor: number): [place: number, step: number][] =>
    Object.entries(perUnit).map(([name, each]) => {
      return [names.indexOf(name), factor * (typeof each === 'number' ? each : each(call.args))];
    });
  const steps = [...stepsOf(axis.elements, ELEMENT_BYTES), ...stepsOf(axis.adds ?? {}, 1)];
  const [whole, extent] = [inOrder(call), names.indexOf(axis.extent)];
  return (start, count) => {
    const share = [...whole];
    share[extent] = count;
    for (const [place, step] of steps) share[place]! += start * step;
    return share;
  };
}

/** Arguments in the order of the table. */
export function inOrder({ kernel, args }: KernelCall): number[] {
  return Object.keys(KERNELS[kernel]).map((name) => args[name]!);
}

/** A call by arguments in that order. */
export function callOf(kernel: KernelName, values: readonly number[]): KernelCall {
  const names = Object.keys(KERNELS[kernel]);
  return { kernel, args: Object.fromEntries(names.map((name, i) => [name, values[i]!])) };
}

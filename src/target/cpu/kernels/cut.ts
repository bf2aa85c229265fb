/** Cuts calls of kernels along the axes of the table. */
import { CUTS, type Arguments, type Axis } from './cuts.table.ts';
import { KERNELS, type KernelName } from './kernels.table.ts';
import { ELEMENT_BYTES } from './vectors.ts';

/** A call of a kernel; arguments by name. */
export interface Part {
  readonly kernel: KernelName;
  readonly args: Arguments;
}

/** Multiply-accumulates of a part that is worth taking: some microseconds. */
export const WORK_OF_PART = 1 << 16;

/** How far calls are cut. */
export interface Cutting {
  /** The least multiply-accumulates of a part. */
  readonly workOfPart: number;
  /** The most parts of a call. */
  readonly parts: number;
}

/** Parts of a call for each thread: enough for all to end together. */
const PARTS_OF_THREAD = 8;

/** No part is too small to be worth taking, and none is made that no thread waits for. */
export function cuttingFor(threads: number, workOfPart: number): Cutting {
  return { workOfPart, parts: PARTS_OF_THREAD * threads };
}

/** The parts of a call, in order; whatever they are, the results are the same. */
export function cutCall(part: Part, { workOfPart, parts: most }: Cutting): readonly Part[] {
  const cut = CUTS[part.kernel];
  if (cut === undefined) return [part];
  const wanted = Math.min(most, Math.floor(cut.work(part.args) / workOfPart));
  let parts: readonly Part[] = [part];
  for (const axis of cut.axes)
    parts = parts.flatMap((one) => cutAlong(axis, one, Math.ceil(wanted / parts.length)));
  return parts;
}

/** At most `wanted` parts along an axis, of the same size but the last. */
function cutAlong(axis: Axis, part: Part, wanted: number): readonly Part[] {
  const { extent, grain = 1, when = () => true } = axis;
  const units = part.args[extent]!;
  if (wanted <= 1 || units === 0 || !when(part.args)) return [part];
  const size = Math.ceil(units / wanted / grain) * grain;
  return Array.from({ length: Math.ceil(units / size) }, (_, i) =>
    partFrom(axis, part, i * size, Math.min(size, units - i * size)),
  );
}

function partFrom(axis: Axis, { kernel, args }: Part, start: number, units: number): Part {
  const moved = (perUnit: Axis['elements'], factor: number): [string, number][] =>
    Object.entries(perUnit).map(([name, each]) => {
      const step = typeof each === 'number' ? each : each(args);
      return [name, args[name]! + start * step * factor];
    });
  const changed = [...moved(axis.elements, ELEMENT_BYTES), ...moved(axis.adds ?? {}, 1)];
  return { kernel, args: { ...args, ...Object.fromEntries(changed), [axis.extent]: units } };
}

/** The arguments of a part in the order of the table. */
export function inOrder({ kernel, args }: Part): number[] {
  return Object.keys(KERNELS[kernel]).map((name) => args[name]!);
}

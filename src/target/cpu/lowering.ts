/** What the rules of all ops share: where values lie, and buffers for them. */
import type { Node, NodeOf, Op } from '../../ir/index.ts';
import { ELEMENT_BYTES, VECTOR_ELEMENTS } from './kernels/vectors.ts';
import { PANEL_FORMATS, type PanelFormatName } from './panels/panelFormats.table.ts';
import { panelBytes } from './panels/panelLayout.ts';
import type { Named, StepList, Unplaced } from './steps.ts';

/** Where the value of a node lies, dense and row-major. */
export type Place = Named | Unplaced;

export type Inputs = readonly [Place, Place, Place, Place, Place, Place, Place];

/** Adds the steps of a node and gives the place of its value. */
export type Lower<O extends Op> = (list: StepList, node: NodeOf<O>, inputs: Inputs) => Place;

/** A buffer for the value of `node`. */
export function allocateFor(list: StepList, { op, label, type }: Node): Unplaced {
  return list.allocate(label === '' ? op : `${label} ${op}`, list.sizeOf(type));
}

/** The part of a value that starts some elements in. */
export function shift<P extends Place>(place: P, elements: number): P {
  return { ...place, offsetBytes: place.offsetBytes + elements * ELEMENT_BYTES };
}

/** Matrix `index` of a stack of N × K. */
export function matrixOf(
  stack: Place,
  index: number,
  [N, K]: readonly [N: number, K: number],
): Place {
  return { ...stack, offsetBytes: stack.offsetBytes + index * matrixBytes(stack, N, K) };
}

/** Bytes of a matrix of N × K of a stack. */
export function matrixBytes(stack: Place, N: number, K: number): number {
  const { format } = stack as { readonly format?: PanelFormatName };
  return format === undefined ? N * K * ELEMENT_BYTES : panelBytes(format, N, K);
}

/** Rounded up to whole vectors. */
export function roundUp(elements: number): number {
  return Math.ceil(elements / VECTOR_ELEMENTS) * VECTOR_ELEMENTS;
}

/** The number that kernels know the format of a weight by; 0 for f32. */
export function formatCode(place: Place): number {
  if (place.space !== 'weight' || place.format === undefined) return 0;
  return PANEL_FORMATS[place.format].code;
}

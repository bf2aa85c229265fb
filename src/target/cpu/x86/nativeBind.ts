/** What makes a call of machine code from the arguments of a kernel. */
import { KERNELS, type KernelName } from '../kernels/kernels.table.ts';
import type { Machine, NativeCall } from './machine.ts';

export const ELEMENT_BYTES = 4;

/** Arguments of a kernel of the table, by name. */
export type Args<K extends KernelName> = Readonly<Record<keyof (typeof KERNELS)[K], number>>;

/** Calls of machine code, one after the other, or undefined if there is none for this shape. */
export type NativeCalls = readonly NativeCall[] | undefined;

export type NativeBind<K extends KernelName> = (machine: Machine, args: Args<K>) => NativeCalls;

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** The bits of an f32, as a whole number. */
export function bitsOf(value: number): number {
  float[0] = value;
  return bits[0]!;
}

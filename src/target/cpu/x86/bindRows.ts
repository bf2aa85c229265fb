/** Calls of kernels that go along rows. */
import { VECTOR_BYTES } from './elementwise.ts';
import { type Machine } from './machine.ts';
import { bitsOf, ELEMENT_BYTES, type Args } from './nativeBind.ts';
import { ADD, ARG_MAX, RMS_NORMALIZATION } from './rows.ts';

export function bindAdd(machine: Machine, { a, b, out, size }: Args<'add'>) {
  if (size === 0) return undefined;
  const vectors = Math.ceil((size * ELEMENT_BYTES) / VECTOR_BYTES);
  const place = (offset: number): number => machine.address(offset, 1, 0, vectors * VECTOR_BYTES);
  const call = machine.prepare('add', ADD, {
    ...{ a: place(a), b: place(b), out: place(out), vectors },
  });
  return () => call.run();
}

/** Rows of whole vectors; others run in WebAssembly. */
export function bindRmsNormalization(machine: Machine, args: Args<'rmsNormalization'>) {
  const { rows, D, epsilon } = args;
  const bytes = D * ELEMENT_BYTES;
  if (rows * D === 0 || bytes % VECTOR_BYTES !== 0) return undefined;
  const call = machine.prepare('rmsNormalization', RMS_NORMALIZATION, {
    x: machine.address(args.x, rows, bytes, bytes),
    w: machine.address(args.w, 1, 0, bytes),
    out: machine.address(args.out, rows, bytes, bytes),
    ...{ rows, vectors: bytes / VECTOR_BYTES, elements: bitsOf(D), epsilon: bitsOf(epsilon) },
  });
  return () => call.run();
}

/** Rows of whole vectors; others run in WebAssembly. */
export function bindArgMax(machine: Machine, args: Args<'argMax'>) {
  const { rows, size } = args;
  const bytes = size * ELEMENT_BYTES;
  if (rows * size === 0 || bytes % VECTOR_BYTES !== 0) return undefined;
  const call = machine.prepare('argMax', ARG_MAX, {
    x: machine.address(args.x, rows, bytes, bytes),
    out: machine.address(args.out, rows, ELEMENT_BYTES, ELEMENT_BYTES),
    ...{ rows, vectors: bytes / VECTOR_BYTES },
  });
  return () => call.run();
}

/** Calls of kernels that go along rows. */
import { CeladonError } from '../../../base/index.ts';
import { APPEND } from './append.ts';
import { VECTOR_BYTES } from './elementwise.ts';
import type { Machine } from './machine.ts';
import { bitsOf, ELEMENT_BYTES, type Args, type NativeCalls } from './nativeBind.ts';
import { ADD, ARG_MAX, RMS_NORMALIZATION } from './rows.ts';

export function bindAdd(machine: Machine, { a, b, out, size }: Args<'add'>): NativeCalls {
  if (size === 0) return undefined;
  const vectors = Math.ceil((size * ELEMENT_BYTES) / VECTOR_BYTES);
  const place = (offset: number): number => machine.address(offset, 1, 0, vectors * VECTOR_BYTES);
  return [
    machine.prepare('add', ADD, {
      ...{ a: place(a), b: place(b), out: place(out), vectors },
    }),
  ];
}

/** Rows of whole vectors; others run in WebAssembly. */
export function bindRmsNormalization(
  machine: Machine,
  args: Args<'rmsNormalization'>,
): NativeCalls {
  const { rows, D, epsilon } = args;
  const bytes = D * ELEMENT_BYTES;
  if (rows * D === 0 || bytes % VECTOR_BYTES !== 0) return undefined;
  return [
    machine.prepare('rmsNormalization', RMS_NORMALIZATION, {
      x: machine.address(args.x, rows, bytes, bytes),
      w: machine.address(args.w, 1, 0, bytes),
      out: machine.address(args.out, rows, bytes, bytes),
      ...{ rows, vectors: bytes / VECTOR_BYTES, elements: bitsOf(D), epsilon: bitsOf(epsilon) },
    }),
  ];
}

/** Rows of whole vectors; others run in WebAssembly. */
export function bindArgMax(machine: Machine, args: Args<'argMax'>): NativeCalls {
  const { rows, size } = args;
  const bytes = size * ELEMENT_BYTES;
  if (rows * size === 0 || bytes % VECTOR_BYTES !== 0) return undefined;
  return [
    machine.prepare('argMax', ARG_MAX, {
      x: machine.address(args.x, rows, bytes, bytes),
      out: machine.address(args.out, rows, ELEMENT_BYTES, ELEMENT_BYTES),
      ...{ rows, vectors: bytes / VECTOR_BYTES },
    }),
  ];
}

/** Rows of whole vectors, of which there is room for as many as a step has; others run in WebAssembly. */
export function bindAppend(machine: Machine, args: Args<'append'>): NativeCalls {
  const { B, T, capacity, size } = args;
  const rowBytes = size * ELEMENT_BYTES;
  if (B * T * size === 0 || rowBytes % VECTOR_BYTES !== 0 || T > capacity) return undefined;
  const [newBytes, stateBytes] = [T * rowBytes, capacity * rowBytes];
  const cells = {
    x: machine.address(args.x, B, newBytes, newBytes),
    positions: machine.address(args.positions, B, ELEMENT_BYTES, ELEMENT_BYTES),
    state: machine.address(args.state, B, stateBytes, stateBytes),
    ...{ sequences: B, rowBytes, vectors: newBytes / VECTOR_BYTES, stateBytes },
    ...{ most: capacity - T, refused: machine.refusedAddress },
  };
  const refusal = (): CeladonError =>
    new CeladonError(`a state of ${capacity} rows must have room for ${T} more of each sequence`);
  return [machine.prepare('append', APPEND, cells, refusal)];
}

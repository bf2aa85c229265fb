/**
 * Immediates: what follows an opcode in the code section, and how each kind becomes bytes.
 *
 * | kind              | bytes                                                             |
 * | ----------------- | ----------------------------------------------------------------- |
 * | i32, i64          | signed LEB128                                                     |
 * | f32, f64, v128    | 4, 8 or 16 bytes, little endian                                   |
 * | shuffle           | 16 lane numbers, 0-15 of the first operand, 16-31 of the second   |
 * | memory            | log2 of the alignment, plus 64 and then the index of a memory if it is not 0; the constant offset |
 * | lane, memoryLane  | one byte; after the memory immediate                              |
 * | memoryIndex, Pair | one or two zero bytes: there is one memory                        |
 * | blockType         | 0x40, or the type code of the one result                          |
 * | local, label, function | unsigned LEB128 of an index; a label counts blocks outwards  |
 * | labels            | their count, each label, and the label of all other values        |
 */
import { CeladonError } from '../base/index.ts';
import { appendSigned, appendUnsigned } from './leb128.ts';
import type { Frame } from './operandStack.ts';
import { VALUE_TYPE_CODES, type FunctionRef, type Local, type ValueType } from './types.ts';

/** The arguments `emit` takes after the instruction's name, by immediate kind. */
export interface Immediates {
  none: [];
  i32: [value: number];
  i64: [value: bigint];
  f32: [value: number];
  f64: [value: number];
  v128: [bytes: ArrayLike<number>];
  shuffle: [lanes: ArrayLike<number>];
  /** In the module's first memory unless one is named. */
  memory: [offsetBytes?: number, memory?: string];
  lane: [lane: number];
  memoryLane: [lane: number, offsetBytes?: number];
  memoryIndex: [];
  memoryPair: [];
  blockType: [result?: ValueType];
  local: [local: Local | string];
  label: [target: Frame];
  /** Where each value from 0 on goes, and where all others do. */
  labels: [targets: readonly Frame[], otherwise: Frame];
  function: [callee: FunctionRef];
}

/** A kind of immediate. */
export type ImmediateKind = keyof Immediates;

/** Immediates with handles resolved to the indices that are written. */
export type ResolvedImmediates = {
  [K in ImmediateKind]: K extends 'local' | 'label' | 'function'
    ? [index: number]
    : K extends 'labels'
      ? [indices: readonly number[], otherwise: number]
      : K extends 'memory'
        ? [offsetBytes?: number, index?: number]
        : Immediates[K];
};

type Append<K extends ImmediateKind> = (
  out: number[],
  values: ResolvedImmediates[K],
  unit: number,
) => void;

const HAS_INDEX = 0x40;

const scratch = new DataView(new ArrayBuffer(8));

function appendFloat(out: number[], value: number, sizeBytes: 4 | 8): void {
  if (sizeBytes === 4) scratch.setFloat32(0, value, true);
  else scratch.setFloat64(0, value, true);
  for (let i = 0; i < sizeBytes; i++) out.push(scratch.getUint8(i));
}

function appendBelow(out: number[], what: string, value: number, limit: number): void {
  if (!Number.isInteger(value) || value < 0 || value >= limit) {
    throw new CeladonError(`a ${what} must be an integer in [0, ${limit}), not ${value}`);
  }
  out.push(value);
}

function appendSixteen(out: number[], what: string, values: ArrayLike<number>, limit: number) {
  if (values.length !== 16) {
    throw new CeladonError(`16 values of ${what} are required, not ${values.length}`);
  }
  for (let i = 0; i < 16; i++) appendBelow(out, what, values[i]!, limit);
}

function appendInt32(out: number[], value: number): void {
  if (!Number.isInteger(value) || value < -(2 ** 31) || value >= 2 ** 32) {
    throw new CeladonError(`an i32 must be an integer in [-2^31, 2^32), not ${value}`);
  }
  appendSigned(out, BigInt(value | 0));
}

function appendMemory(
  out: number[],
  offsetBytes: number,
  alignmentBytes: number,
  memory = 0,
): void {
  const alignment = Math.log2(alignmentBytes);
  out.push(memory === 0 ? alignment : alignment + HAS_INDEX);
  if (memory !== 0) appendUnsigned(out, memory);
  appendUnsigned(out, offsetBytes);
}

const appendIndex = (out: number[], [index]: [number]): void => appendUnsigned(out, index);

const APPEND: { readonly [K in ImmediateKind]: Append<K> } = {
  none: () => {},
  i32: (out, [value]) => appendInt32(out, value),
  i64: (out, [value]) => appendSigned(out, value),
  f32: (out, [value]) => appendFloat(out, value, 4),
  f64: (out, [value]) => appendFloat(out, value, 8),
  v128: (out, [bytes]) => appendSixteen(out, 'byte', bytes, 256),
  shuffle: (out, [lanes]) => appendSixteen(out, 'shuffle lane', lanes, 32),
  memory: (out, [offsetBytes = 0, memory], accessBytes) =>
    appendMemory(out, offsetBytes, accessBytes, memory),
  lane: (out, [lane], lanes) => appendBelow(out, 'lane', lane, lanes),
  memoryLane: (out, [lane, offsetBytes = 0], accessBytes) => {
    appendMemory(out, offsetBytes, accessBytes);
    appendBelow(out, 'lane', lane, 16 / accessBytes);
  },
  memoryIndex: (out) => out.push(0),
  memoryPair: (out) => out.push(0, 0),
  blockType: (out, [result]) => out.push(result ? VALUE_TYPE_CODES[result] : 0x40),
  local: appendIndex,
  label: appendIndex,
  labels: (out, [indices, otherwise]) => {
    appendUnsigned(out, indices.length);
    for (const index of [...indices, otherwise]) appendUnsigned(out, index);
  },
  function: appendIndex,
};

/** Append immediates of a kind; throws CeladonError when a value is out of its range. */
export function appendImmediates<K extends ImmediateKind>(
  out: number[],
  kind: K,
  values: ResolvedImmediates[K],
  unit: number,
): void {
  APPEND[kind](out, values, unit);
}

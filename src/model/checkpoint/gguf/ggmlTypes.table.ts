/** The element types of GGUF files [1]. [1] https://github.com/ggml-org/ggml/blob/master/docs/gguf.md */
import { bf16ToF32, f16ToF32 } from '../../../base/index.ts';
import {
  decodeIQ4_NL,
  decodeMXFP4,
  decodeQ4_0,
  decodeQ4_1,
  decodeQ5_0,
  decodeQ5_1,
  decodeQ8_0,
} from './blocks.ts';
import type { DecodeBlock } from './blocks.ts';
import { decodeQ2_K, decodeQ3_K, decodeQ4_K, decodeQ5_K, decodeQ6_K } from './superBlocks.ts';

/** Decodes whole blocks, as many as fill `out`; the bytes start at byte 0 of their buffer. */
export type DecodeBlocks = (bytes: Uint8Array<ArrayBuffer>, out: Float32Array) => void;

export interface GgmlType {
  readonly name: string;
  /** Elements of a block, and the bytes it takes. */
  readonly elements: number;
  readonly bytes: number;
  /** Absent where the values are not read: such tensors are placed and listed. */
  readonly decode?: DecodeBlocks;
}

/** A type of blocks that are decoded one by one. */
function ofBlocks(name: string, elements: number, bytes: number, decode: DecodeBlock): GgmlType {
  const decodeAll: DecodeBlocks = (stored, out) => {
    for (let i = 0; i * elements < out.length; i++) decode(stored, i * bytes, out, i * elements);
  };
  return { name, elements, bytes, decode: decodeAll };
}

/** A type of single numbers. */
function ofNumbers(
  name: string,
  bytes: number,
  valuesOf: (buffer: ArrayBuffer) => Float32Array,
): GgmlType {
  return { name, elements: 1, bytes, decode: (stored, out) => out.set(valuesOf(stored.buffer)) };
}

/** By the number that stands in the file. */
export const GGML_TYPES: ReadonlyMap<number, GgmlType> = new Map<number, GgmlType>([
  [0, ofNumbers('F32', 4, (buffer) => new Float32Array(buffer))],
  [1, ofNumbers('F16', 2, (buffer) => f16ToF32(new Uint16Array(buffer)))],
  [2, ofBlocks('Q4_0', 32, 18, decodeQ4_0)],
  [3, ofBlocks('Q4_1', 32, 20, decodeQ4_1)],
  [6, ofBlocks('Q5_0', 32, 22, decodeQ5_0)],
  [7, ofBlocks('Q5_1', 32, 24, decodeQ5_1)],
  [8, ofBlocks('Q8_0', 32, 34, decodeQ8_0)],
  [9, { name: 'Q8_1', elements: 32, bytes: 40 }],
  [10, ofBlocks('Q2_K', 256, 84, decodeQ2_K)],
  [11, ofBlocks('Q3_K', 256, 110, decodeQ3_K)],
  [12, ofBlocks('Q4_K', 256, 144, decodeQ4_K)],
  [13, ofBlocks('Q5_K', 256, 176, decodeQ5_K)],
  [14, ofBlocks('Q6_K', 256, 210, decodeQ6_K)],
  [15, { name: 'Q8_K', elements: 256, bytes: 292 }],
  [16, { name: 'IQ2_XXS', elements: 256, bytes: 66 }],
  [17, { name: 'IQ2_XS', elements: 256, bytes: 74 }],
  [18, { name: 'IQ3_XXS', elements: 256, bytes: 98 }],
  [19, { name: 'IQ1_S', elements: 256, bytes: 50 }],
  [20, ofBlocks('IQ4_NL', 32, 18, decodeIQ4_NL)],
  [21, { name: 'IQ3_S', elements: 256, bytes: 110 }],
  [22, { name: 'IQ2_S', elements: 256, bytes: 82 }],
  [23, { name: 'IQ4_XS', elements: 256, bytes: 136 }],
  [24, { name: 'I8', elements: 1, bytes: 1 }],
  [25, { name: 'I16', elements: 1, bytes: 2 }],
  [26, { name: 'I32', elements: 1, bytes: 4 }],
  [27, { name: 'I64', elements: 1, bytes: 8 }],
  [28, { name: 'F64', elements: 1, bytes: 8 }],
  [29, { name: 'IQ1_M', elements: 256, bytes: 56 }],
  [30, ofNumbers('BF16', 2, (buffer) => bf16ToF32(new Uint16Array(buffer)))],
  [34, { name: 'TQ1_0', elements: 256, bytes: 54 }],
  [35, { name: 'TQ2_0', elements: 256, bytes: 66 }],
  [39, ofBlocks('MXFP4', 32, 17, decodeMXFP4)],
  [40, { name: 'NVFP4', elements: 64, bytes: 36 }],
]);

const BY_NAME: ReadonlyMap<string, GgmlType> = new Map(
  GGML_TYPES.values().map((type) => [type.name, type]),
);

/** The type of this name; every tensor that was placed has one. */
export function ggmlTypeOf(name: string): GgmlType {
  return BY_NAME.get(name)!;
}

/** Names of the types whose values are read. */
export const READABLE_TYPES: readonly string[] = [...GGML_TYPES.values()].flatMap((type) =>
  type.decode === undefined ? [] : [type.name],
);

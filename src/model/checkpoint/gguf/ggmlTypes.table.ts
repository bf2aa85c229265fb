/** The element types of GGUF files [1]. [1] https://github.com/ggml-org/ggml/blob/master/docs/gguf.md */
import { bf16ToF32 } from '../../../base/index.ts';
import {
  decodeIQ4_NL,
  decodeMXFP4,
  decodeQ4_0,
  decodeQ4_1,
  decodeQ5_0,
  decodeQ5_1,
  decodeQ8_0,
  halfAt,
} from './blocks.ts';
import type { DecodeBlock } from './blocks.ts';
import { decodeQ2_K, decodeQ3_K, decodeQ4_K, decodeQ5_K, decodeQ6_K } from './superBlocks.ts';

export interface GgmlType {
  readonly name: string;
  /** Elements of a block, and the bytes it takes. */
  readonly elements: number;
  readonly bytes: number;
  /** Absent where the values are not read: such tensors are placed and listed. */
  readonly decode?: DecodeBlock;
}

const word = new Uint8Array(4);
const float = new Float32Array(word.buffer);

const decodeF32: DecodeBlock = (bytes, at, out, to) => {
  for (let i = 0; i < 4; i++) word[i] = bytes[at + i]!;
  out[to] = float[0]!;
};

const decodeF16: DecodeBlock = (bytes, at, out, to) => {
  out[to] = halfAt(bytes, at);
};

const decodeBF16: DecodeBlock = (bytes, at, out, to) => {
  out[to] = bf16ToF32(Uint16Array.of(bytes[at]! | (bytes[at + 1]! << 8)))[0]!;
};

/** By the number that stands in the file. */
export const GGML_TYPES: ReadonlyMap<number, GgmlType> = new Map<number, GgmlType>([
  [0, { name: 'F32', elements: 1, bytes: 4, decode: decodeF32 }],
  [1, { name: 'F16', elements: 1, bytes: 2, decode: decodeF16 }],
  [2, { name: 'Q4_0', elements: 32, bytes: 18, decode: decodeQ4_0 }],
  [3, { name: 'Q4_1', elements: 32, bytes: 20, decode: decodeQ4_1 }],
  [6, { name: 'Q5_0', elements: 32, bytes: 22, decode: decodeQ5_0 }],
  [7, { name: 'Q5_1', elements: 32, bytes: 24, decode: decodeQ5_1 }],
  [8, { name: 'Q8_0', elements: 32, bytes: 34, decode: decodeQ8_0 }],
  [9, { name: 'Q8_1', elements: 32, bytes: 40 }],
  [10, { name: 'Q2_K', elements: 256, bytes: 84, decode: decodeQ2_K }],
  [11, { name: 'Q3_K', elements: 256, bytes: 110, decode: decodeQ3_K }],
  [12, { name: 'Q4_K', elements: 256, bytes: 144, decode: decodeQ4_K }],
  [13, { name: 'Q5_K', elements: 256, bytes: 176, decode: decodeQ5_K }],
  [14, { name: 'Q6_K', elements: 256, bytes: 210, decode: decodeQ6_K }],
  [15, { name: 'Q8_K', elements: 256, bytes: 292 }],
  [16, { name: 'IQ2_XXS', elements: 256, bytes: 66 }],
  [17, { name: 'IQ2_XS', elements: 256, bytes: 74 }],
  [18, { name: 'IQ3_XXS', elements: 256, bytes: 98 }],
  [19, { name: 'IQ1_S', elements: 256, bytes: 50 }],
  [20, { name: 'IQ4_NL', elements: 32, bytes: 18, decode: decodeIQ4_NL }],
  [21, { name: 'IQ3_S', elements: 256, bytes: 110 }],
  [22, { name: 'IQ2_S', elements: 256, bytes: 82 }],
  [23, { name: 'IQ4_XS', elements: 256, bytes: 136 }],
  [24, { name: 'I8', elements: 1, bytes: 1 }],
  [25, { name: 'I16', elements: 1, bytes: 2 }],
  [26, { name: 'I32', elements: 1, bytes: 4 }],
  [27, { name: 'I64', elements: 1, bytes: 8 }],
  [28, { name: 'F64', elements: 1, bytes: 8 }],
  [29, { name: 'IQ1_M', elements: 256, bytes: 56 }],
  [30, { name: 'BF16', elements: 1, bytes: 2, decode: decodeBF16 }],
  [34, { name: 'TQ1_0', elements: 256, bytes: 54 }],
  [35, { name: 'TQ2_0', elements: 256, bytes: 66 }],
  [39, { name: 'MXFP4', elements: 32, bytes: 17, decode: decodeMXFP4 }],
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

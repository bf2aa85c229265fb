/**
 * The instruction set of Jade: one table from which the assembler, the disassembler, the simulator,
 * the hazard analysis, docs/isa.md and the decoder in SystemVerilog come.
 *
 * An instruction is a macro-operation over a tile. Four in-order queues execute them: LOAD, MATRIX,
 * VECTOR, STORE. Between each ordered pair of queues there is one counting semaphore: an instruction
 * waits for (and takes) one token from each queue in its wait mask before it starts, and gives one
 * token to each queue in its signal mask when it completes.
 *
 * Encoding: 24 little-endian 32-bit words.
 *   word 0   bits 7:0 opcode · 11:8 wait mask · 15:12 signal mask (bit = queue index, as in QUEUES)
 *   word 1…  the fields in table order; `memory` takes two words (low, high), the others one
 *   word 20, 21 and 22, 23: the banks whose read and whose write ports it holds (sim/banks.ts)
 * Unused words are zero.
 *
 * Addresses: `local` is a byte address on the chip: the scratchpad from 0, then the accumulators, then
 * the control memory (counts and lists). `memory` is a byte address in the chip's external memory.
 * NONE (all ones) means "no operand".
 *
 * Rows: a row r of a tile is (t, j) with t = ⌊r / inner⌋ and j = r mod inner; it starts at
 * address + t·stride + j·innerStride, an MX row at any byte. An MX row of K elements is K/32 blocks one
 * after another; a block is its E8M0 scale byte, then its 32 elements.
 */
import type { MxFormat } from '../../ir/index.ts';

export const QUEUES = ['load', 'matrix', 'vector', 'store'] as const;
export type Queue = (typeof QUEUES)[number];

export const INSTRUCTION_WORDS = 24;
/** First words of the masks of read and of write banks: 64 bits each, low word first. */
export const READ_BANKS_WORD = 20;
export const WRITE_BANKS_WORD = 22;
export const NONE = 0xffffffff;

export type FieldKind = 'local' | 'memory' | 'u32' | 'f32';
export interface Field<N extends string = string> {
  readonly name: N;
  readonly kind: FieldKind;
  readonly meaning: string;
}

function f<N extends string>(name: N, kind: FieldKind, meaning: string): Field<N> {
  return { name, kind, meaning };
}

/** Codes of the `format` fields. */
export const FORMAT_CODES = { f32: 0, bf16: 1, mxint8: 2, mxfp8: 3, mxfp4: 4 } as const;
export type FormatName = keyof typeof FORMAT_CODES;

/** What the codes of the field `scoring` stand for. */
export const SCORINGS = ['softmax', 'sigmoid', 'sqrtSoftplus'] as const;

/** The MX format of a `format` field; undefined for f32 and bf16. */
export const MX_FORMATS: ReadonlyMap<number, MxFormat> = new Map([
  [FORMAT_CODES.mxint8, 'mxint8'],
  [FORMAT_CODES.mxfp8, 'mxfp8'],
  [FORMAT_CODES.mxfp4, 'mxfp4'],
]);

/** Bytes of a block: the scale, then 32 elements; those of mxfp4 two a byte, the even one low. */
export function blockBytes(format: MxFormat): number {
  return format === 'mxfp4' ? 17 : 33;
}

const TRANSFER = [
  f('memory', 'memory', 'address of the first row in memory'),
  f('local', 'local', 'address of the first row on the chip'),
  f('rowBytes', 'u32', 'contiguous bytes of a row'),
  f('rows', 'u32', 'rows of a plane'),
  f('memoryStride', 'u32', 'bytes between rows in memory'),
  f('localStride', 'u32', 'bytes between rows on the chip'),
  f('planes', 'u32', 'planes (third dimension of the stride)'),
  f('memoryPlaneStride', 'u32', 'bytes between planes in memory'),
  f('localPlaneStride', 'u32', 'bytes between planes on the chip'),
  f(
    'positionStride',
    'u32',
    'added to `memory` times (position[sequence] + positionOffset) >> positionShift; 0 for none',
  ),
  f('sequence', 'u32', 'index of the position register'),
  f('positionShift', 'u32', 'the logarithm of the positions that share a row'),
  f('positionOffset', 'u32', 'tokens of this step before those of the transfer'),
] as const;

const SOURCE_A = [
  f('a', 'local', 'first operand'),
  f('aStride', 'u32', 'bytes from t to t+1'),
  f('aInner', 'u32', 'bytes from j to j+1'),
] as const;
const SOURCE_B = [
  f('b', 'local', 'second operand'),
  f('bStride', 'u32', 'bytes from t to t+1'),
  f('bInner', 'u32', 'bytes from j to j+1'),
] as const;
const ROWS = [
  f('rows', 'u32', 'rows; with rowCount, the most there can be'),
  f('inner', 'u32', 'rows with the same t'),
  f('columns', 'u32', 'elements of a row'),
] as const;
const DESTINATION = [
  f('d', 'local', 'destination: f32 or MX rows'),
  f('dStride', 'u32', 'bytes from t to t+1'),
  f('dInner', 'u32', 'bytes from j to j+1'),
  f('dFormat', 'u32', 'format code: f32, or the activation format of the chip'),
  f(
    'group',
    'u32',
    'elements that share one scale when quantising: a power of two from 32 to the lanes; in copy any multiple of 32',
  ),
] as const;
const ROW_COUNT = f(
  'rowCount',
  'local',
  'i32 in the control memory that gives the number of rows; or NONE',
);

const VISIBLE = [
  f('sequence', 'u32', 'index of the position register'),
  f('first', 'u32', 'token index of row t = 0 within this step'),
  f('always', 'u32', 'columns that every row sees before those of the positions'),
  f('shift', 'u32', 'the logarithm of the positions that share a column'),
] as const;
/** A number a row. */
const FACTOR = [
  f('b', 'local', 'f32 words, one a row'),
  f('bStride', 'u32', 'bytes from t to t+1'),
  f('bInner', 'u32', 'bytes from j to j+1'),
] as const;
const F32_DESTINATION = [
  f('d', 'local', 'f32 rows'),
  f('dStride', 'u32', 'bytes from t to t+1'),
  f('dInner', 'u32', 'bytes from j to j+1'),
] as const;

export interface InstructionRule {
  readonly opcode: number;
  readonly queue: Queue;
  readonly summary: string;
  readonly fields: readonly Field[];
  /** The time the unit is busy, in words; code in sim/matrixTiming, vectorTiming and transferTiming. */
  readonly latency: string;
}

const MICROCODE =
  'the slots of its microcode, P · ⌈items / P⌉ times with P = operationCycles; P + 7 before and after, 4 more to read a row count or a position';

export const ISA = {
  load: {
    opcode: 0x01,
    queue: 'load',
    summary:
      'memory → scratchpad or control memory, 3-D strides; skipped when the i32 at `unless` is zero',
    fields: [
      ...TRANSFER,
      f('unless', 'local', 'i32 in the control memory: zero skips the transfer; or NONE'),
    ],
    latency:
      'planes · rows · ⌈max(rowBytes, burst) / bytesPerCycle⌉ on the memory channel, latencyCycles + 8 after the start or when the channel is free; a skipped load moves nothing and completes in its turn',
  },
  gather: {
    opcode: 0x02,
    queue: 'load',
    summary:
      'memory rows chosen by a list of i32 indices → scratchpad; waits for all earlier loads',
    fields: [
      f('memory', 'memory', 'address of row 0'),
      f('local', 'local', 'address of the first row on the chip'),
      f('rowBytes', 'u32', 'bytes of a row'),
      f('rows', 'u32', 'indices in the list'),
      f('memoryStride', 'u32', 'bytes between rows in memory'),
      f('localStride', 'u32', 'bytes between rows on the chip'),
      f('list', 'local', 'i32 indices in the control memory'),
      f('limit', 'u32', 'rows in memory: an index outside reads as row 0 and sets the fault flag'),
    ],
    latency:
      'rows · ⌈max(rowBytes, burst) / bytesPerCycle⌉ on the memory channel, latencyCycles + 15 after the start',
  },
  store: {
    opcode: 0x03,
    queue: 'store',
    summary: 'chip → memory, 3-D strides; complete when the last byte has left',
    fields: TRANSFER,
    latency:
      'planes · rows · ⌈max(rowBytes, burst) / bytesPerCycle⌉ on the memory channel, 9 cycles after the start or when the channel is free',
  },
  matmul: {
    opcode: 0x10,
    queue: 'matrix',
    summary: 'c[r][n] (+)= Σ_k a[r][k] · w[n][k] on MX blocks; `rowList` picks the rows t of a',
    fields: [
      f('a', 'local', 'activation rows'),
      f('aStride', 'u32', 'bytes from t to t+1'),
      f('aInner', 'u32', 'bytes from j to j+1'),
      f('rows', 'u32', 'rows M; with rowCount, the most there can be'),
      f('inner', 'u32', 'rows with the same t'),
      f('k', 'u32', 'elements contracted, a multiple of 32'),
      f('w', 'local', 'weights: block (n, kb) is at w + n · wStride + kb · wBlockStride'),
      f('wStride', 'u32', 'bytes from n to n+1; transposed: from k to k+1'),
      f('wBlockStride', 'u32', 'bytes between blocks along k; transposed: along n'),
      f('wFormat', 'u32', 'format code of the weights'),
      f('columns', 'u32', 'outputs N'),
      f(
        'transposed',
        'u32',
        '1: a stored row of weights is one k and holds the N columns as blocks, whose scales count as 2^0',
      ),
      f('c', 'local', 'f32 results in the accumulators'),
      f('cStride', 'u32', 'bytes between result rows r'),
      f('accumulate', 'u32', '1: add to c; 0: start from +0'),
      ROW_COUNT,
      f(
        'rowList',
        'local',
        'i32 list in the control memory: row r reads activation row t = list[r] (inner = 1); or NONE',
      ),
    ],
    latency:
      'the array works Σ over ⌈N/columns⌉·(K/32) passes of max(M, load, accumulateCycles); a pass of `width` ≤ columns outputs loads in ⌈width / ⌊port / block⌋⌉ cycles when packed (wStride = block), in `width` by row, in 32 transposed; the array begins when the first pass is loaded and the instruction before has left it, and the loader is free in the last pass, so weights of the next instruction load meanwhile; complete `pipelineCycles` after the last pass; 1 cycle when M = 0',
  },
  copy: {
    opcode: 0x20,
    queue: 'vector',
    summary: 'd = a (f32 or bf16 rows), quantised when dFormat is MX',
    fields: [
      ...SOURCE_A,
      ...ROWS,
      ...DESTINATION,
      ROW_COUNT,
      f('aFormat', 'u32', 'format code f32 or bf16'),
    ],
    latency: MICROCODE,
  },
  add: {
    opcode: 0x21,
    queue: 'vector',
    summary: 'd = a + b',
    fields: [...SOURCE_A, ...SOURCE_B, ...ROWS, ...DESTINATION, ROW_COUNT],
    latency: MICROCODE,
  },
  mul: {
    opcode: 0x22,
    queue: 'vector',
    summary: 'd = a · b',
    fields: [...SOURCE_A, ...SOURCE_B, ...ROWS, ...DESTINATION, ROW_COUNT],
    latency: MICROCODE,
  },
  swiglu: {
    opcode: 0x23,
    queue: 'vector',
    summary: 'd = silu(a) · b; with a limit, of a up to it and b within ±limit',
    fields: [
      ...SOURCE_A,
      ...SOURCE_B,
      ...ROWS,
      ...DESTINATION,
      ROW_COUNT,
      f('limit', 'f32', 'above 0; or 0 for none'),
    ],
    latency: MICROCODE,
  },
  silu: {
    opcode: 0x24,
    queue: 'vector',
    summary: 'd = a · sigmoid(a)',
    fields: [...SOURCE_A, ...ROWS, ...DESTINATION, ROW_COUNT],
    latency: MICROCODE,
  },
  rms: {
    opcode: 0x25,
    queue: 'vector',
    summary: 'd = a · rsqrt(mean(a²) + epsilon) · b, with b one f32 row',
    fields: [
      ...SOURCE_A,
      f('b', 'local', 'f32 weights, one row'),
      ...ROWS,
      ...DESTINATION,
      f('epsilon', 'f32', 'added to the mean'),
      f('inverse', 'f32', '1 / columns, rounded: the sum of squares times this is the mean'),
    ],
    latency: MICROCODE,
  },
  rope: {
    opcode: 0x26,
    queue: 'vector',
    summary:
      'rotates channel pairs of a by the angles in row t of b: columns/2 cosines, then sines',
    fields: [
      ...SOURCE_A,
      f('b', 'local', 'f32 table rows'),
      f('bStride', 'u32', 'bytes from t to t+1'),
      ...ROWS,
      ...DESTINATION,
      f('interleaved', 'u32', '0: pairs (i, i + columns/2); 1: pairs (2i, 2i + 1)'),
    ],
    latency: MICROCODE,
  },
  softmax: {
    opcode: 0x27,
    queue: 'vector',
    summary:
      'd = softmax(a · scale) over the first always + ((position[sequence] + first + t + 1) >> shift) columns, zero beyond; times 2^(b[column] − 127) when b is given',
    fields: [
      ...SOURCE_A,
      f('b', 'local', 'E8M0 bytes, one a column; or NONE'),
      ...ROWS,
      ...DESTINATION,
      f('scale', 'f32', 'multiplies the scores'),
      ...VISIBLE,
    ],
    latency: MICROCODE,
  },
  argmax: {
    opcode: 0x28,
    queue: 'vector',
    summary:
      'd = {f32 largest, i32 base + its column} of each row; with `accumulate`, kept when larger than what d holds',
    fields: [
      ...SOURCE_A,
      ...ROWS,
      f('d', 'local', '8 bytes a row; 8 from j to j+1'),
      f('dStride', 'u32', 'bytes from t to t+1'),
      f('base', 'u32', 'index of column 0'),
      f('accumulate', 'u32', '1: compare with d; 0: start anew'),
    ],
    latency: MICROCODE,
  },
  route: {
    opcode: 0x29,
    queue: 'vector',
    summary: 'd = gates from router logits a and bias b; semantics of the graph op `route`',
    fields: [
      f('a', 'local', 'f32 logits'),
      f('aStride', 'u32', 'bytes from t to t+1'),
      f('b', 'local', 'f32 bias, a row a token; or NONE'),
      f('rows', 'u32', 'tokens'),
      f('columns', 'u32', 'experts'),
      f('d', 'local', 'f32 gates'),
      f('dStride', 'u32', 'bytes from t to t+1'),
      f('topK', 'u32', 'experts kept'),
      f('groups', 'u32', 'groups of experts'),
      f('topGroups', 'u32', 'groups kept'),
      f('scoring', 'u32', '0 softmax, 1 sigmoid, 2 √softplus'),
      f('normalize', 'u32', '1: divide by the sum of the kept'),
      f('scale', 'f32', 'multiplies the gates'),
      f('bStride', 'u32', 'bytes from the bias of t to that of t+1; 0 for one of all'),
      f(
        'groupByBest',
        'u32',
        '1: a group counts as its best expert; 0: as the sum of its two best',
      ),
    ],
    latency: `${MICROCODE}, columns / groups more when there are groups`,
  },
  dispatch: {
    opcode: 0x2a,
    queue: 'vector',
    summary:
      'for each expert e: d[e] = number of rows with a non-zero gate; list[e][…] = those rows, ascending',
    fields: [
      f('a', 'local', 'f32 gates'),
      f('aStride', 'u32', 'bytes from t to t+1'),
      f('rows', 'u32', 'tokens'),
      f('columns', 'u32', 'experts'),
      f('d', 'local', 'i32 counts in the control memory, one an expert'),
      f('list', 'local', 'i32 lists in the control memory'),
      f('listStride', 'u32', 'bytes between the lists of experts'),
    ],
    latency: 'columns · (rows + 1) + 5',
  },
  combine: {
    opcode: 0x2b,
    queue: 'vector',
    summary:
      'd[list[r]] += gate[list[r]] · a[r] for r < rowCount: the product rounds, then the sum',
    fields: [
      f('a', 'local', 'f32 rows of one expert'),
      f('aStride', 'u32', 'bytes between rows'),
      f('rows', 'u32', 'the most rows there can be'),
      f('columns', 'u32', 'elements of a row'),
      f('d', 'local', 'f32 sums'),
      f('dStride', 'u32', 'bytes between tokens'),
      f('gate', 'local', 'f32 gate of token 0 for this expert'),
      f('gateStride', 'u32', 'bytes between the gates of tokens'),
      f('list', 'local', 'i32 tokens in the control memory'),
      f('rowCount', 'local', 'i32 number of rows in the control memory'),
    ],
    latency:
      '8 and then P times the slots of its microcode for each P windows of a row; P + 11 before and after',
  },
  zero: {
    opcode: 0x2c,
    queue: 'vector',
    summary: 'd = +0 (f32 rows)',
    fields: [
      f('d', 'local', 'f32 rows'),
      f('dStride', 'u32', 'bytes between rows'),
      f('rows', 'u32', 'rows'),
      f('columns', 'u32', 'elements of a row'),
    ],
    latency: MICROCODE,
  },
  sigmoid: {
    opcode: 0x2d,
    queue: 'vector',
    summary: 'd = sigmoid(a)',
    fields: [...SOURCE_A, ...ROWS, ...DESTINATION, ROW_COUNT],
    latency: MICROCODE,
  },
  exp: {
    opcode: 0x2e,
    queue: 'vector',
    summary: 'd = e^a',
    fields: [...SOURCE_A, ...ROWS, ...DESTINATION, ROW_COUNT],
    latency: MICROCODE,
  },
  softplus: {
    opcode: 0x2f,
    queue: 'vector',
    summary: 'd = log(1 + e^a)',
    fields: [...SOURCE_A, ...ROWS, ...DESTINATION, ROW_COUNT],
    latency: MICROCODE,
  },
  max: {
    opcode: 0x30,
    queue: 'vector',
    summary: 'd = the larger of a and b; b of equals, and of a number and a NaN the number',
    fields: [...SOURCE_A, ...SOURCE_B, ...ROWS, ...DESTINATION, ROW_COUNT],
    latency: MICROCODE,
  },
  min: {
    opcode: 0x31,
    queue: 'vector',
    summary: 'd = the smaller of a and b; a of equals, and NaN where one is',
    fields: [...SOURCE_A, ...SOURCE_B, ...ROWS, ...DESTINATION, ROW_COUNT],
    latency: MICROCODE,
  },
  div: {
    opcode: 0x32,
    queue: 'vector',
    summary: 'd = a · (1 / b)',
    fields: [...SOURCE_A, ...SOURCE_B, ...ROWS, ...DESTINATION, ROW_COUNT],
    latency: MICROCODE,
  },
  scale: {
    opcode: 0x33,
    queue: 'vector',
    summary: 'd = b · a, with b one number a row',
    fields: [...SOURCE_A, ...FACTOR, ...ROWS, ...DESTINATION, ROW_COUNT],
    latency: MICROCODE,
  },
  scaleAdd: {
    opcode: 0x34,
    queue: 'vector',
    summary: 'd += b · a, with b one number a row: the product rounds, then the sum',
    fields: [...SOURCE_A, ...FACTOR, ...ROWS, ...F32_DESTINATION],
    latency: MICROCODE,
  },
  sum: {
    opcode: 0x35,
    queue: 'vector',
    summary: 'd = one f32 a row: the sum of a times `scale`',
    fields: [
      ...SOURCE_A,
      ...ROWS,
      f('d', 'local', 'f32, one a row'),
      f('dStride', 'u32', 'bytes from t to t+1'),
      f('dInner', 'u32', 'bytes from j to j+1'),
      f('scale', 'f32', 'multiplies the sum'),
    ],
    latency: MICROCODE,
  },
  topk: {
    opcode: 0x36,
    queue: 'vector',
    summary:
      'd = 1 where a row of a has its topK largest of the first always + ((position[sequence] + first + t + 1) >> shift) columns, else +0; 1 in all of those when they are fewer',
    fields: [
      ...SOURCE_A,
      ...ROWS,
      ...F32_DESTINATION,
      f('topK', 'u32', 'columns chosen: at most all'),
      ...VISIBLE,
    ],
    latency: MICROCODE,
  },
  signedRoot: {
    opcode: 0x37,
    queue: 'vector',
    summary:
      'd = the root of the magnitude of a, or of `smallest` if that is larger, with the sign of a; +0 where a is a zero',
    fields: [
      ...SOURCE_A,
      ...ROWS,
      ...DESTINATION,
      ROW_COUNT,
      f('smallest', 'f32', 'a normal number above 0'),
    ],
    latency: MICROCODE,
  },
  mix: {
    opcode: 0x38,
    queue: 'vector',
    summary:
      'd[t] (+)= Σ_j b[t][j] · a[t][j] for j < terms, ascending: each product rounds, then the sum',
    fields: [
      f('a', 'local', 'f32 rows'),
      f('aStride', 'u32', 'bytes from t to t+1'),
      f('aInner', 'u32', 'bytes from j to j+1'),
      f('b', 'local', 'f32 words'),
      f('bStride', 'u32', 'bytes from t to t+1'),
      f('bInner', 'u32', 'bytes from j to j+1'),
      f('rows', 'u32', 'rows t of d'),
      f('terms', 'u32', 'products of a sum: at most the words of the chip'),
      f('columns', 'u32', 'elements of a row'),
      f('d', 'local', 'f32 rows'),
      f('dStride', 'u32', 'bytes from t to t+1'),
      f('accumulate', 'u32', '1: add to d; 0: start from +0'),
    ],
    latency: MICROCODE,
  },
} as const satisfies Record<string, InstructionRule>;

export type Opcode = keyof typeof ISA;
export type FieldName<O extends Opcode> = (typeof ISA)[O]['fields'][number]['name'];
/** The fields of one opcode by name; what code that knows its opcode reads. */
export type FieldsOf<O extends Opcode> = Readonly<Record<FieldName<O>, number>>;

/** Field values by name; `f32` fields hold numbers exactly representable in f32. */
export type Fields = Readonly<Record<string, number>>;

export interface Instruction {
  readonly op: Opcode;
  readonly fields: Fields;
  /** Queue masks, as encoded in word 0. */
  readonly wait: number;
  readonly signal: number;
}

export function queueOf(op: Opcode): Queue {
  return ISA[op].queue;
}

/**
 * What must hold of an instruction before it can run: whole blocks, aligned words, formats the chip
 * has, operands in the memories they belong to, rows that do not disturb each other.
 * Checked once a program, so that running it need not.
 */
import { FormatError } from '../../../base/index.ts';
import type { Chip } from '../../../chip/index.ts';
import { MX_BLOCK } from '../../../ir/index.ts';
import { SMALLEST_NORMAL } from '../arith/functions.ts';
import {
  blockBytes,
  FORMAT_CODES,
  MX_FORMATS,
  NONE,
  SCORINGS,
  type FieldsOf,
  type Instruction,
  type Opcode,
} from '../isa.table.ts';
import { matmulOperands, operandsOf, type ByteRange } from './access.ts';
import { localBytesOf, memoriesOf, type LocalMemory } from './banks.ts';
import { overlaps } from './overlaps.ts';
import {
  atLeastOne,
  counted,
  flag,
  multiples,
  must,
  sequence,
  words,
  type Problems,
} from './rules.ts';

type Check<O extends Opcode> = (f: FieldsOf<O>, chip: Chip) => Problems;

/** The memory beside the chip, and the largest position: what bounds transfers. */
export interface Bounds {
  readonly memoryBytes: number;
  readonly maxPosition: number;
}

/** Throws FormatError with all that is wrong with the instruction at `index` of a program. */
export function checkInstruction(
  instruction: Instruction,
  index: number,
  chip: Chip,
  bounds: Bounds,
): void {
  const problems = problemsOf(instruction, chip, bounds);
  if (problems.length === 0) return;
  throw new FormatError(problems.join('; '), {
    where: `instruction ${index} (${instruction.op})`,
  });
}

/** What is wrong with an instruction, a sentence each; ranges and rows only when the fields are right. */
export function problemsOf(instruction: Instruction, chip: Chip, bounds: Bounds): string[] {
  const check = CHECKS[instruction.op] as (f: unknown, chip: Chip) => Problems;
  const problems = check(instruction.fields, chip);
  if (problems.length === 0) problems.push(...places(instruction, chip, bounds));
  if (problems.length === 0) problems.push(...overlaps(instruction));
  return problems;
}

/** Where an instruction may write; those that are not named, in the scratchpad or the accumulators. */
const WRITES: Partial<Record<Opcode, readonly LocalMemory[]>> = {
  load: ['scratchpad', 'control memory'],
  gather: ['scratchpad'],
  matmul: ['accumulators'],
  dispatch: ['control memory'],
};
const DATA: readonly LocalMemory[] = ['scratchpad', 'accumulators'];

/** Operands outside of the memories they must lie in. */
function places(instruction: Instruction, chip: Chip, bounds: Bounds): Problems {
  const { op, fields } = instruction;
  const found = operandsOf(instruction, bounds.maxPosition);
  const { a, w } = op === 'matmul' ? matmulOperands(fields as FieldsOf<'matmul'>) : NO_PRODUCT;
  const memory = [...(found.memoryReads ?? []), ...(found.memoryWrites ?? [])];
  const end = Math.max(0, ...memory.map((range) => range.end));
  const rule = `end at byte ${bounds.memoryBytes}`;
  return [
    ...within('results', found.writes, WRITES[op] ?? DATA, chip),
    ...within('activations', a, ['scratchpad'], chip),
    ...within('weights', w, ['scratchpad'], chip),
    ...within('operands', op === 'matmul' ? [] : found.data, DATA, chip),
    ...within('counts and lists', found.control, ['control memory'], chip),
    ...must('operands in the memory', end, end <= bounds.memoryBytes, rule),
  ];
}

const NO_PRODUCT = { a: [], w: [] };

function within(
  what: string,
  ranges: readonly ByteRange[] | undefined,
  names: readonly LocalMemory[],
  chip: Chip,
): Problems {
  const memories = memoriesOf(chip);
  return (ranges ?? []).flatMap(({ start, end }) => {
    if (names.some((name) => start >= memories[name].start && end <= memories[name].end)) return [];
    const where = names.map((name) => {
      const { start: first, end: behind } = memories[name];
      return `the ${name} (bytes ${first} to ${behind - 1})`;
    });
    return [`${what} must lie in ${where.join(' or ')}, not at bytes ${start} to ${end - 1}`];
  });
}

/** Positions are shifted as words of 32 bits; a position and an offset make no more. */
function positions(f: FieldsOf<'store'>): Problems {
  return [
    ...sequence(f),
    ...must('positionShift', f.positionShift, f.positionShift < 32, 'be below 32'),
    ...must('positionOffset', f.positionOffset, f.positionOffset < 2 ** 31, 'be below 2147483648'),
  ];
}

/** What a row sees. */
function visible(f: Pick<FieldsOf<'topk'>, 'sequence' | 'always' | 'shift'>): Problems {
  return [
    ...sequence(f),
    ...counted(f, 'always'),
    ...must('shift', f.shift, f.shift < 32, 'be below 32'),
  ];
}

type Destination = FieldsOf<'silu'>;

function destination(
  f: Omit<Destination, 'a' | 'aStride' | 'aInner' | 'rowCount'>,
  chip: Chip,
): Problems {
  if (f.dFormat === FORMAT_CODES.f32) return words(f, 'd', 'dStride', 'dInner');
  const { activationFormat } = chip.matrix;
  const known = f.dFormat === FORMAT_CODES[activationFormat];
  return [
    ...must(
      'dFormat',
      f.dFormat,
      known,
      `be f32 (0) or ${activationFormat} (${FORMAT_CODES[activationFormat]})`,
    ),
    ...must('group', f.group, f.group > 0 && f.group % 32 === 0, 'be a multiple of 32'),
    ...must(
      'columns',
      f.columns,
      f.group === 0 || f.columns % f.group === 0,
      `be whole groups of ${f.group}`,
    ),
  ];
}

/** Rows (t, j) of f32 in a, written to d. */
function unary(f: Omit<Destination, 'rowCount'>, chip: Chip): Problems {
  return [
    ...words(f, 'a', 'aStride', 'aInner'),
    ...atLeastOne(f, 'inner', 'columns'),
    ...counted(f, 'rows', 'inner'),
    ...destination(f, chip),
    ...narrow(f, chip),
  ];
}

/** Operators quantise groups that one window of the lanes holds; a copy any. */
function narrow(f: { readonly dFormat: number; readonly group: number }, chip: Chip): Problems {
  const { lanes } = chip.vector;
  const fits = f.group <= lanes && Number.isInteger(Math.log2(f.group));
  const holds = f.dFormat === FORMAT_CODES.f32 || fits;
  return must('group', f.group, holds, `be a power of two up to the ${lanes} lanes but in copy`);
}

function counting(f: Destination, chip: Chip): Problems {
  return [...unary(f, chip), ...words(f, 'rowCount')];
}

function binary(f: FieldsOf<'add'>, chip: Chip): Problems {
  return [...counting(f, chip), ...words(f, 'b', 'bStride', 'bInner')];
}

function isNormal(value: number): boolean {
  return value >= SMALLEST_NORMAL && value < Infinity;
}

function matmul(f: FieldsOf<'matmul'>, { matrix }: Chip): Problems {
  const formats = [matrix.activationFormat, matrix.weightFormat];
  const known = formats.some((format) => FORMAT_CODES[format] === f.wFormat);
  return [
    ...atLeastOne(f, 'inner', 'k', 'columns'),
    ...multiples(f, matrix.lanes, 'k'),
    ...must('wFormat', f.wFormat, known, `be one of ${formats.join(', ')}`),
    ...flag(f, 'transposed', 'accumulate'),
    ...must('inner', f.inner, f.rowList === NONE || f.inner === 1, 'be 1 with a list of rows'),
    ...must(
      'cStride',
      f.cStride,
      f.rows < 2 || f.cStride >= 4 * f.columns,
      `be at least a row of ${4 * f.columns} bytes`,
    ),
    ...words(f, 'c', 'cStride', 'rowCount', 'rowList'),
    ...(known ? weightLayout(f, matrix) : []),
  ];
}

/** Blocks lie together along n (packed) or along k (by row); along n in each row when transposed. */
function weightLayout(f: FieldsOf<'matmul'>, { activationFormat }: Chip['matrix']): Problems {
  const block = blockBytes(MX_FORMATS.get(f.wFormat)!);
  if (f.transposed === 0) {
    const holds = f.wStride === block || f.wBlockStride === block;
    return must('wStride or wBlockStride', f.wBlockStride, holds, `be a block of ${block} bytes`);
  }
  const format = FORMAT_CODES[activationFormat];
  return [
    ...must('wFormat', f.wFormat, f.wFormat === format, `be ${activationFormat} when transposed`),
    ...must(
      'wBlockStride',
      f.wBlockStride,
      f.wBlockStride === block,
      `be a block of ${block} bytes`,
    ),
    ...multiples(f, MX_BLOCK, 'columns'),
  ];
}

/** The control memory is written in words. */
function load(f: FieldsOf<'load'>, chip: Chip): Problems {
  const toControl = f.local >= memoriesOf(chip)['control memory'].start;
  return [
    ...words(f, 'unless'),
    ...positions(f),
    ...(toControl ? words(f, 'local', 'rowBytes', 'localStride', 'localPlaneStride') : []),
  ];
}

function copy(f: FieldsOf<'copy'>, chip: Chip): Problems {
  const { f32, bf16 } = FORMAT_CODES;
  return [
    ...must(
      'aFormat',
      f.aFormat,
      f.aFormat === f32 || f.aFormat === bf16,
      'be f32 (0) or bf16 (1)',
    ),
    ...multiples(f, f.aFormat === bf16 ? 2 : 4, 'a', 'aStride', 'aInner'),
    ...atLeastOne(f, 'inner', 'columns'),
    ...counted(f, 'rows', 'inner'),
    ...words(f, 'rowCount'),
    ...destination(f, chip),
  ];
}

/** Halves a row apart are stored by themselves, so each is whole groups. */
function rope(f: FieldsOf<'rope'>, chip: Chip): Problems {
  const isWhole = f.dFormat === FORMAT_CODES.f32 || (f.columns / 2) % f.group === 0;
  const rule = `be two halves of whole groups of ${f.group}`;
  return [
    ...unary(f, chip),
    ...words(f, 'b', 'bStride'),
    ...multiples(f, 2, 'columns'),
    ...flag(f, 'interleaved'),
    ...must('columns', f.columns, f.interleaved === 1 || isWhole, rule),
  ];
}

/** Indices are added as the bits of f32. */
function argmax(f: FieldsOf<'argmax'>): Problems {
  const end = f.base + f.columns;
  return [
    ...words(f, 'a', 'aStride', 'aInner', 'd', 'dStride'),
    ...atLeastOne(f, 'inner', 'columns'),
    ...counted(f, 'rows', 'inner'),
    ...must('base + columns', end, end <= 2 ** 24, 'be at most 16777216'),
    ...flag(f, 'accumulate'),
  ];
}

/** Columns are compared as the bits of f32. */
function topk(f: FieldsOf<'topk'>): Problems {
  return [
    ...words(f, 'a', 'aStride', 'aInner', 'd', 'dStride', 'dInner'),
    ...atLeastOne(f, 'inner', 'columns', 'topK'),
    ...counted(f, 'rows', 'inner'),
    ...must('columns', f.columns, f.columns <= 2 ** 24, 'be at most 16777216'),
    ...must('topK', f.topK, f.topK <= f.columns, `be at most the ${f.columns} columns`),
    ...visible(f),
  ];
}

/** Turns of a loop are counted in the bits of a column. */
function mix(f: FieldsOf<'mix'>, chip: Chip): Problems {
  const most = localBytesOf(chip) / 4;
  return [
    ...words(f, 'a', 'aStride', 'aInner', 'b', 'bStride', 'bInner', 'd', 'dStride'),
    ...atLeastOne(f, 'terms', 'columns'),
    ...counted(f, 'rows'),
    ...must('terms', f.terms, f.terms <= most, `be at most the ${most} words of the chip`),
    ...flag(f, 'accumulate'),
  ];
}

function route(f: FieldsOf<'route'>, { vector }: Chip): Problems {
  const eligible = (f.columns / f.groups) * f.topGroups;
  return [
    ...words(f, 'a', 'aStride', 'b', 'bStride', 'd', 'dStride'),
    ...flag(f, 'normalize', 'groupByBest'),
    ...must('scoring', f.scoring, f.scoring < SCORINGS.length, 'be 0, 1 or 2'),
    ...atLeastOne(f, 'columns', 'groups', 'topGroups', 'topK'),
    ...counted(f, 'rows'),
    ...must('groups', f.groups, f.groups <= vector.lanes, `be at most the ${vector.lanes} lanes`),
    ...must('groups', f.groups, f.columns % f.groups === 0, `divide the ${f.columns} experts`),
    ...must('topGroups', f.topGroups, f.topGroups <= f.groups, `be at most ${f.groups}`),
    ...must('topK', f.topK, f.topK <= eligible, `be at most the ${eligible} eligible experts`),
  ];
}

const CHECKS: { readonly [O in Opcode]: Check<O> } = {
  load,
  gather: (f) => [...words(f, 'list'), ...atLeastOne(f, 'limit')],
  store: positions,
  matmul,
  copy,
  add: binary,
  mul: binary,
  swiglu: (f, chip) => [
    ...binary(f, chip),
    ...must('limit', f.limit, f.limit >= 0, 'be at least 0'),
  ],
  max: binary,
  min: binary,
  div: binary,
  silu: counting,
  sigmoid: counting,
  exp: counting,
  softplus: counting,
  signedRoot: (f, chip) => [
    ...counting(f, chip),
    ...must('smallest', f.smallest, isNormal(f.smallest), 'be a normal number above 0'),
  ],
  sum: (f) => [
    ...words(f, 'a', 'aStride', 'aInner', 'd', 'dStride', 'dInner'),
    ...atLeastOne(f, 'inner', 'columns'),
    ...counted(f, 'rows', 'inner'),
  ],
  rms: (f, chip) => [...unary(f, chip), ...words(f, 'b')],
  rope,
  softmax: (f, chip) => [...unary(f, chip), ...visible(f)],
  argmax,
  route,
  dispatch: (f) => [
    ...words(f, 'a', 'aStride', 'd', 'list', 'listStride'),
    ...atLeastOne(f, 'columns'),
    ...counted(f, 'rows'),
  ],
  combine: (f) => [
    ...words(f, 'a', 'aStride', 'd', 'dStride', 'gate', 'gateStride', 'list', 'rowCount'),
    ...atLeastOne(f, 'columns'),
    ...counted(f, 'rows'),
  ],
  zero: (f) => [...words(f, 'd', 'dStride'), ...atLeastOne(f, 'columns'), ...counted(f, 'rows')],
  scale: binary,
  scaleAdd: (f) => [
    ...words(f, 'a', 'aStride', 'aInner', 'b', 'bStride', 'bInner', 'd', 'dStride', 'dInner'),
    ...atLeastOne(f, 'inner', 'columns'),
    ...counted(f, 'rows', 'inner'),
  ],
  topk,
  mix,
};

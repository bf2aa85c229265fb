/**
 * What must hold of an instruction before it can run: whole blocks, aligned words, formats the chip
 * has, and operands inside of its memories. Checked once a program, so that running it need not.
 */
import { FormatError } from '../../../base/index.ts';
import { type Chip } from '../../../chip/index.ts';
import { FORMAT_CODES, NONE, type FieldsOf, type Instruction, type Opcode } from '../isa.table.ts';
import { type Accesses, type ByteRange } from './access.ts';
import { SEQUENCES } from './state.ts';

/** Broken rules, each as "k must be a multiple of 32, not 40". */
type Problems = string[];
type Check<O extends Opcode> = (f: FieldsOf<O>, chip: Chip) => Problems;

/** Throws FormatError with all that is wrong with the instruction at `index` of a program. */
export function checkInstruction(
  { op, fields }: Instruction,
  index: number,
  found: Accesses,
  chip: Chip,
  memoryBytes: number,
): void {
  const problems = (CHECKS[op] as (f: unknown, chip: Chip) => Problems)(fields, chip);
  if (problems.length === 0) problems.push(...places(op, found, chip, memoryBytes));
  if (problems.length > 0) {
    throw new FormatError(problems.join('; '), { where: `instruction ${index} (${op})` });
  }
}

/** Operands outside of their memories; ranges mean nothing before the fields are right. */
function places(op: Opcode, found: Accesses, chip: Chip, memoryBytes: number): Problems {
  const localBytes = chip.scratchpad.sizeBytes + chip.accumulator.sizeBytes;
  return [
    ...within('the chip', [...found.localReads, ...found.localWrites], localBytes),
    ...within('the memory', [...found.memoryReads, ...found.memoryWrites], memoryBytes),
    ...(op === 'matmul' ? inAccumulator(found.localWrites, chip) : []),
  ];
}

function within(what: string, ranges: readonly ByteRange[], sizeBytes: number): Problems {
  const end = Math.max(0, ...ranges.map((range) => range.end));
  return must(`operands in ${what}`, end, end <= sizeBytes, `end at byte ${sizeBytes}`);
}

function inAccumulator(results: readonly ByteRange[], { scratchpad }: Chip): Problems {
  const start = Math.min(...results.map((range) => range.start));
  const rule = `be in the accumulators, from ${scratchpad.sizeBytes} on`;
  return must('c', start, start >= scratchpad.sizeBytes, rule);
}

function must(name: string, value: number, holds: boolean, rule: string): Problems {
  return holds ? [] : [`${name} must ${rule}, not ${value}`];
}

/** The named fields, NONE apart, must be multiples of `unit`. */
function multiples<F extends object>(f: F, unit: number, ...names: (keyof F & string)[]): Problems {
  return names.flatMap((name) => {
    const value = f[name] as number;
    return must(name, value, value === NONE || value % unit === 0, `be a multiple of ${unit}`);
  });
}

function words<F extends object>(f: F, ...names: (keyof F & string)[]): Problems {
  return multiples(f, 4, ...names);
}

function atLeastOne<F extends object>(f: F, ...names: (keyof F & string)[]): Problems {
  return names.flatMap((name) => must(name, f[name] as number, f[name] !== 0, 'be at least 1'));
}

function flag<F extends object>(f: F, ...names: (keyof F & string)[]): Problems {
  return names.flatMap((name) => {
    const value = f[name] as number;
    return must(name, value, value === 0 || value === 1, 'be 0 or 1');
  });
}

function sequence(f: { readonly sequence: number }): Problems {
  return must('sequence', f.sequence, f.sequence < SEQUENCES, `be below ${SEQUENCES}`);
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
    ...must('dScale', f.dScale, f.dScale !== NONE, 'be an address when d is quantised'),
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
    ...atLeastOne(f, 'inner'),
    ...destination(f, chip),
  ];
}

function binary(f: FieldsOf<'add'>, chip: Chip): Problems {
  return [...unary(f, chip), ...words(f, 'b', 'bStride', 'bInner', 'rowCount')];
}

function matmul(f: FieldsOf<'matmul'>, { matrix }: Chip): Problems {
  const formats = [matrix.activationFormat, matrix.weightFormat];
  const known = formats.some((format) => FORMAT_CODES[format] === f.wFormat);
  return [
    ...atLeastOne(f, 'inner', 'k', 'columns'),
    ...multiples(f, matrix.lanes, 'k'),
    ...must('wFormat', f.wFormat, known, `be one of ${formats.join(', ')}`),
    ...flag(f, 'transposed', 'accumulate'),
    ...must('wScale', f.wScale, f.transposed === 0 || f.wScale === NONE, 'be none when transposed'),
    ...must('inner', f.inner, f.rowList === NONE || f.inner === 1, 'be 1 with a list of rows'),
    ...words(f, 'c', 'cStride', 'rowCount', 'rowList'),
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
    ...atLeastOne(f, 'inner'),
    ...words(f, 'rowCount'),
    ...destination(f, chip),
  ];
}

function route(f: FieldsOf<'route'>): Problems {
  const eligible = (f.columns / f.groups) * f.topGroups;
  return [
    ...words(f, 'a', 'aStride', 'b', 'd', 'dStride'),
    ...flag(f, 'scoring', 'normalize'),
    ...atLeastOne(f, 'groups'),
    ...must('groups', f.groups, f.columns % f.groups === 0, `divide the ${f.columns} experts`),
    ...must('topGroups', f.topGroups, f.topGroups <= f.groups, `be at most ${f.groups}`),
    ...must('topK', f.topK, f.topK <= eligible, `be at most the ${eligible} eligible experts`),
  ];
}

const CHECKS: { readonly [O in Opcode]: Check<O> } = {
  load: (f) => [...words(f, 'unless'), ...sequence(f)],
  gather: (f) => [...words(f, 'list'), ...atLeastOne(f, 'limit')],
  store: sequence,
  matmul,
  copy,
  add: binary,
  mul: binary,
  swiglu: binary,
  silu: (f, chip) => [...unary(f, chip), ...words(f, 'rowCount')],
  rms: (f, chip) => [...unary(f, chip), ...words(f, 'b')],
  rope: (f, chip) => [
    ...unary(f, chip),
    ...words(f, 'b', 'bStride'),
    ...multiples(f, 2, 'columns'),
    ...flag(f, 'interleaved'),
  ],
  softmax: (f, chip) => [...unary(f, chip), ...sequence(f)],
  argmax: (f) => [
    ...words(f, 'a', 'aStride', 'aInner', 'd', 'dStride'),
    ...atLeastOne(f, 'inner', 'columns'),
    ...flag(f, 'accumulate'),
  ],
  route,
  dispatch: (f) => words(f, 'a', 'aStride', 'd', 'list', 'listStride'),
  combine: (f) =>
    words(f, 'a', 'aStride', 'd', 'dStride', 'gate', 'gateStride', 'list', 'rowCount'),
  zero: (f) => words(f, 'd', 'dStride'),
};

/**
 * What an instruction asks of the parts of the unit, from its opcode and fields, in the cycle of the
 * start. An input of a field that the opcode does not have may hold anything.
 */
import type { Signal } from '../../../../hdl/index.ts';
import { MX_BLOCK } from '../../../../ir/index.ts';
import { FORMAT_CODES, ISA, NONE, SCORINGS, type Opcode } from '../../isa.table.ts';
import { MICROCODE, type ProgramName } from '../../vector/microcode.table.ts';
import type { Condition, Item } from '../../vector/microOps.ts';
import { assembleRom, CONDITIONS, PROGRAM_NAMES, TARGET_BITS } from './microcodeRom.ts';
import { groupBits } from './quantizer.ts';
import { ROW_BITS, SHIFT_BITS, type VectorWidths } from './shape.ts';

const OPCODES = (Object.keys(ISA) as Opcode[]).filter((op) => ISA[op].queue === 'vector');

/** Names of all fields of vector instructions. */
export const VECTOR_FIELD_NAMES = [
  ...new Set(OPCODES.flatMap((op) => ISA[op].fields.map(({ name }): string => name))),
];

/** Fields whose names are words of SystemVerilog or C++, which tools do not like as ports. */
const RENAMED: Readonly<Record<string, string>> = {
  sequence: 'sequenceIndex',
  always: 'alwaysVisible',
  list: 'listAddress',
};

/** The port of a field: its name, or what stands for it. */
export function portOfField(name: string): string {
  return RENAMED[name] ?? name;
}

/** Ports for the fields: a word each. */
export const VECTOR_FIELDS: Readonly<Record<string, number>> = Object.fromEntries(
  VECTOR_FIELD_NAMES.map((name) => [portOfField(name), 32]),
);

export type FieldSignals = Readonly<Record<string, Signal>>;

/** Questions about the opcode, and the fields where it has them. */
class Instruction {
  readonly opcode: Signal;
  readonly fields: FieldSignals;

  constructor(opcode: Signal, fields: FieldSignals) {
    this.opcode = opcode;
    this.fields = fields;
  }

  is(...ops: readonly Opcode[]): Signal {
    return ops.map((op) => this.opcode.eq(ISA[op].opcode)).reduce((any, one) => any.or(one));
  }

  has(name: string): Signal {
    return this.is(...OPCODES.filter((op) => ISA[op].fields.some((field) => field.name === name)));
  }

  /** The lowest bits of a field; `otherwise` where the opcode has none of that name. */
  field(name: string, bits: number, otherwise = 0): Signal {
    return this.has(name).mux(this.fields[name]!.low(bits), otherwise);
  }

  raw(name: string, bits: number): Signal {
    return this.fields[name]!.low(bits);
  }
}

export type Plan = ReturnType<typeof planOf>;

export function planOf(opcode: Signal, fields: FieldSignals, widths: VectorWidths) {
  const instruction = new Instruction(opcode, fields);
  const { addressBits, columnBits } = widths;
  const columns = instruction.raw('columns', columnBits);
  const kind = kindOf(instruction, widths);
  const size = kind
    .item('row')
    .mux(columns, kind.item('group').mux(instruction.raw('group', columnBits), widths.lanes));
  const itemColumns = size.named('itemSize');
  const address = (name: string): Signal => instruction.raw(name, addressBits);
  const hasCount = instruction.has('rowCount').and(fields['rowCount']!.ne(NONE));
  const isLimited = instruction.is('softmax', 'topk');
  const groups = instruction.raw('groups', columnBits);
  const isGrouped = instruction.is('route').and(groups.high(columnBits - 1).reduceOr());
  return {
    walk: {
      ...strides(instruction, itemColumns, kind, widths),
      a: address('a'),
      b: address('b'),
      d: address('d'),
      rows: instruction.raw('rows', ROW_BITS),
      inner: instruction.field('inner', ROW_BITS, 1),
      rowColumns: kind.item('pairs').mux(columns.shr(1), columns),
      itemColumns,
      first: fields['first']!,
      alwaysVisible: fields[portOfField('always')]!.low(ROW_BITS),
      shift: fields['shift']!.low(SHIFT_BITS),
      isToken: kind.item('token'),
      isLimited,
    },
    sequence: {
      entry: kind.entry,
      conditions: conditionsOf(instruction, isGrouped),
      reads: hasCount.or(isLimited),
      isToken: kind.item('token'),
      extent: itemColumns,
      columns,
      groups,
      topGroups: instruction.raw('topGroups', columnBits),
      topK: instruction.raw('topK', columnBits),
      terms: instruction.raw('terms', columnBits),
      aInner: address('aInner'),
      bInner: address('bInner'),
      divides: isGrouped,
    },
    columns,
    hasCount,
    isLimited,
    isMx: kind.isMx,
    isBf16: kind.isBf16,
    group: groupCode(instruction.raw('group', 32), widths.lanes),
    isDispatch: instruction.is('dispatch'),
  };
}

interface Kind {
  readonly entry: Signal;
  readonly isMx: Signal;
  readonly isBf16: Signal;
  readonly isInterleaved: Signal;
  item(kind: Item): Signal;
}

/** Which program runs, and what its items are. */
function kindOf(instruction: Instruction, { lanes }: VectorWidths): Kind {
  const { fields } = instruction;
  const isMx = instruction.has('dFormat').and(fields['dFormat']!.ne(FORMAT_CODES.f32));
  const narrow = Array.from({ length: Math.log2(lanes / MX_BLOCK) + 1 }, (_, i) => MX_BLOCK << i);
  const isNarrow = narrow
    .map((size) => fields['group']!.eq(size))
    .reduce((any, one) => any.or(one));
  const isWide = isMx.and(isNarrow.not());
  const isInterleaved = fields['interleaved']!.bit(0);
  const variants: Partial<Record<ProgramName, Signal>> = {
    copy: instruction.is('copy').and(isWide.not()),
    copyWide: instruction.is('copy').and(isWide),
    rope: instruction.is('rope').and(isInterleaved.not()),
    ropeInterleaved: instruction.is('rope').and(isInterleaved),
  };
  const runs = (name: ProgramName): Signal => variants[name] ?? instruction.is(name as Opcode);
  const { entries } = assembleRom();
  const entry = PROGRAM_NAMES.map((name) => {
    const index = instruction.opcode.constant(entries[name], TARGET_BITS);
    return index.and(runs(name).repeat(TARGET_BITS));
  }).reduce((any, one) => any.or(one));
  return {
    entry: entry.named('entryOfProgram'),
    isMx,
    isBf16: instruction.is('copy').and(fields['aFormat']!.eq(FORMAT_CODES.bf16)),
    isInterleaved: runs('ropeInterleaved'),
    item: (kind) =>
      PROGRAM_NAMES.filter((name) => MICROCODE[name].item === kind)
        .map(runs)
        .reduce((any, one) => any.or(one)),
  };
}

/** Bytes between rows and between items. Operands that are one row for all have no strides. */
function strides(
  instruction: Instruction,
  itemColumns: Signal,
  kind: Kind,
  { addressBits, lanes }: VectorWidths,
) {
  const columns = itemColumns.zeroExtend(addressBits);
  const [words, halves] = [columns.shl(2), columns.shl(1)];
  const blocks = columns.add(columns.shr(Math.log2(MX_BLOCK)));
  const isRow = instruction.is('rms', 'softmax');
  const isFactor = kind.item('token').or(instruction.is('scale', 'scaleAdd', 'mix'));
  const ofB = (name: string): Signal => {
    return isRow.mux(0, instruction.field(name, addressBits));
  };
  return {
    aStride: instruction.raw('aStride', addressBits),
    aInner: instruction.raw('aInner', addressBits),
    aStep: kind.isBf16.mux(halves, words),
    bStride: ofB('bStride'),
    bInner: ofB('bInner'),
    bStep: isFactor.mux(0, kind.isInterleaved.mux(2 * lanes, words)),
    dStride: instruction.raw('dStride', addressBits),
    dInner: instruction.is('argmax').mux(8, instruction.raw('dInner', addressBits)),
    dStep: kind.isMx.mux(blocks, words),
  };
}

function conditionsOf(instruction: Instruction, isGrouped: Signal): Signal {
  const { fields } = instruction;
  const hasB = fields['b']!.reduceAnd().not();
  const isScoring = (scoring: (typeof SCORINGS)[number]): Signal =>
    fields['scoring']!.eq(SCORINGS.indexOf(scoring));
  const bits: Readonly<Record<Condition, Signal>> = {
    scaled: hasB,
    biased: hasB,
    softmax: isScoring('softmax'),
    sigmoid: isScoring('sigmoid'),
    limited: fields['limit']!.reduceOr(),
    groupByBest: fields['groupByBest']!.bit(0),
    grouped: isGrouped,
    normalize: fields['normalize']!.bit(0),
    accumulate: fields['accumulate']!.bit(0),
  };
  const [lowest, ...others] = CONDITIONS.map((condition) => bits[condition]);
  const [highest, ...lower] = [...others.toReversed(), lowest!];
  return highest!.concat(...lower).named('conditionBits');
}

/** The logarithm of the blocks of a group that is a power of two of them, up to the lanes. */
function groupCode(group: Signal, lanes: number): Signal {
  const bits = groupBits(lanes);
  const levels = Math.log2(lanes / MX_BLOCK);
  return Array.from({ length: levels }, (_, i) => {
    const isLevel = group.bit(Math.log2(MX_BLOCK) + i + 1);
    return isLevel.mux(i + 1, group.constant(0, bits));
  }).reduce((any, one) => any.or(one), group.constant(0, bits));
}

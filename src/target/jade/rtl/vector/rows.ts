/**
 * Walks over the items of an instruction: rows (t, j), and in each row the windows or groups that a
 * context works on. One item a cycle; addresses by addition alone.
 *
 * The rows of combine come from a list: after each the walk stops until the next token's addresses are
 * given.
 */
import { defineModule, type ModuleBuilder, type Signal } from '../../../../hdl/index.ts';
import { ROW_BITS, SHIFT_BITS, type VectorWidths } from './shape.ts';

const OPERANDS = ['a', 'b', 'd'] as const;
type OperandName = (typeof OPERANDS)[number];

/** Of each operand: the first row, bytes from t to t+1, from j to j+1, from item to item. */
function operandPorts<N extends string, B extends number>(names: readonly N[], bits: B) {
  return Object.fromEntries(names.map((name) => [name, bits])) as Record<N, B>;
}

/** What the walk needs to know, in the cycle of `start`. */
export function walkPorts({ addressBits, columnBits }: VectorWidths) {
  return {
    ...operandPorts(['a', 'aStride', 'aInner', 'aStep'], addressBits),
    ...operandPorts(['b', 'bStride', 'bInner', 'bStep'], addressBits),
    ...operandPorts(['d', 'dStride', 'dInner', 'dStep'], addressBits),
    rows: ROW_BITS,
    inner: ROW_BITS,
    /** Columns of a row to walk over, and of an item. */
    rowColumns: columnBits,
    itemColumns: columnBits,
    first: 32,
    alwaysVisible: ROW_BITS,
    shift: SHIFT_BITS,
    isToken: 1,
    isLimited: 1,
  };
}

export function rowsModule(widths: VectorWidths) {
  const { addressBits, columnBits } = widths;
  return defineModule({
    name: 'vector_rows',
    comment: 'The items of an instruction, one after another: their addresses and columns.',
    inputs: {
      start: 1,
      ...walkPorts(widths),
      /** The real number of rows, and the position, when they have been read. */
      countValid: 1,
      count: 32,
      positionValid: 1,
      position: 32,
      advance: 1,
      tokenValid: 1,
      tokenB: addressBits,
      tokenD: addressBits,
    },
    outputs: {
      itemA: addressBits,
      itemB: addressBits,
      itemD: addressBits,
      /** Columns the item has, and those of them that are visible. */
      length: columnBits,
      visible: columnBits,
      /** There is an item; there will be one in the next cycle; there are rows left then. */
      valid: 1,
      validNext: 1,
      rowsNext: 1,
    },
    body: (inputs, m) => walk(m, inputs),
  });
}

type Inputs = Readonly<Record<keyof ReturnType<typeof walkPorts>, Signal>> & {
  readonly [
    name in
      | 'start'
      | 'countValid'
      | 'count'
      | 'positionValid'
      | 'position'
      | 'advance'
      | 'tokenValid'
      | 'tokenB'
      | 'tokenD'
  ]: Signal;
};

function walk(m: ModuleBuilder, inputs: Inputs) {
  const { start, advance, tokenValid } = inputs;
  const keep = (name: keyof Inputs): Signal =>
    m.delay(`${name}Field`, inputs[name], { enable: start });
  const isToken = keep('isToken');
  const steps = m.wire('steps', 1);
  const columns = walkColumns(m, inputs, keep, steps);
  const { endsRow } = columns;
  const nextRow = steps.and(endsRow).named('nextRow');

  const rowsLeft = countRows(m, inputs, nextRow);
  const loaded = m.register('tokenLoaded', 1, { reset: 0 });
  loaded.set(tokenValid, start.or(tokenValid).or(nextRow));
  const valid = rowsLeft.now.reduceOr().and(isToken.not().or(loaded)).named('hasItem');
  steps.set(advance.and(valid));
  const validNext = nextRow.mux(rowsLeft.hasNext.and(isToken.not()), valid);

  const nextT = countInner(m, inputs, keep, nextRow);
  const items = Object.fromEntries(
    OPERANDS.map((name) => {
      const item = walkOperand(m, inputs, keep, name, { steps, nextRow, nextT });
      return [`item${name.toUpperCase()}`, item];
    }),
  ) as Record<'itemA' | 'itemB' | 'itemD', Signal>;
  const limit = walkLimit(m, inputs, keep, nextRow.and(nextT));
  const cut = limit.ltU(columns.row.zeroExtend(32)).mux(limit.low(columns.row.width), columns.row);
  return {
    ...items,
    length: columns.item,
    visible: keep('isLimited').mux(cut, columns.item),
    valid,
    validNext,
    rowsNext: rowsLeft.hasNext,
  };
}

type Keep = (name: keyof Inputs) => Signal;

/** Columns from the item to the end of its row. */
function walkColumns(m: ModuleBuilder, inputs: Inputs, keep: Keep, steps: Signal) {
  const [row, size] = [keep('rowColumns'), keep('itemColumns')];
  const rest = m.register('rest', row.width, { comment: 'columns from the item on' });
  const endsRow = size.ltU(rest).not().named('endsRow');
  const next = endsRow.mux(row, rest.sub(size));
  rest.set(inputs.start.mux(inputs.rowColumns, next), inputs.start.or(steps));
  return { row, endsRow, item: endsRow.mux(rest, size) };
}

/** Rows that are not done; `rowCount` gives fewer than the field at most. */
function countRows(m: ModuleBuilder, inputs: Inputs, nextRow: Signal) {
  const { start, countValid, count, rows } = inputs;
  const now = m.register('rowsLeft', ROW_BITS, { reset: 0 });
  const isFewer = count.ltU(now.zeroExtend(32)).or(count.high(1));
  const counted = isFewer.mux(count.low(ROW_BITS).and(count.high(1).not().repeat(ROW_BITS)), now);
  const next = now.sub(1);
  now.set(start.mux(rows, countValid.mux(counted, next)), start.or(countValid).or(nextRow));
  return { now, hasNext: nextRow.mux(next, now).reduceOr().named('hasNextRow') };
}

/** Whether the next row is the first of the next t. */
function countInner(m: ModuleBuilder, inputs: Inputs, keep: Keep, nextRow: Signal): Signal {
  const { start } = inputs;
  const j = m.register('j', ROW_BITS);
  const nextT = j.add(1).eq(keep('inner')).named('nextT');
  j.set(start.or(nextT).mux(0, j.add(1)), start.or(nextRow));
  return nextT;
}

interface Steps {
  readonly steps: Signal;
  readonly nextRow: Signal;
  readonly nextT: Signal;
}

/** The address of an operand's item: it keeps where its row and the row j = 0 begin. */
function walkOperand(
  m: ModuleBuilder,
  inputs: Inputs,
  keep: Keep,
  name: OperandName,
  { steps, nextRow, nextT }: Steps,
): Signal {
  const { start, tokenValid, tokenB, tokenD } = inputs;
  const [first, bits] = [inputs[name], inputs[name].width];
  const plane = m.register(`${name}Plane`, bits, { comment: 'row (t, 0)' });
  const row = m.register(`${name}Row`, bits, { comment: 'row (t, j)' });
  const item = m.register(`${name}Item`, bits);
  const nextPlane = plane.add(keep(`${name}Stride`));
  const rowAfter = nextT.mux(nextPlane, row.add(keep(`${name}Inner`))).named(`${name}RowAfter`);
  plane.set(start.mux(first, nextPlane), start.or(nextRow.and(nextT)));
  row.set(start.mux(first, rowAfter), start.or(nextRow));
  const walked = nextRow.mux(rowAfter, item.add(keep(`${name}Step`)));
  const token = { a: item, b: tokenB, d: tokenD }[name];
  const next = name === 'a' ? walked : tokenValid.mux(token, walked);
  item.set(start.mux(first, next), name === 'a' ? start.or(steps) : start.or(steps).or(tokenValid));
  return item;
}

/** Columns that are visible: always + ((position + first + t + 1) >> shift). */
function walkLimit(m: ModuleBuilder, inputs: Inputs, keep: Keep, nextPlane: Signal): Signal {
  const { start, positionValid, position, first } = inputs;
  const seen = m.register('seen', 32, { comment: 'positions that are visible' });
  const limit = m.register('limit', 32, { comment: 'columns that are visible' });
  const addend = positionValid.mux(position, 1);
  const next = start.mux(first, seen).add(addend).named('seenNext');
  const changes = start.or(positionValid).or(nextPlane);
  seen.set(next, changes);
  const shared = next.shr(keep('shift')).named('columnsOfPositions');
  limit.set(shared.add(keep('alwaysVisible').zeroExtend(32)), changes);
  return limit;
}

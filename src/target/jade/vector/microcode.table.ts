/**
 * The microcode of the vector unit: one program an opcode. From this table come the cycles of each
 * instruction (cycles.ts), the ROM of the sequencer (rtl/vector), the interpreter that proves
 * the programs (interpret.ts) and docs/isa.md.
 *
 * A loaded window is an operand and a result can be stored in the same slot, so that add is two slots.
 * A store is seen by loads from the fourth slot after it on, and not by that of the next slot; between
 * them nothing may depend on it. `wait` fills such slots.
 */
import type {
  Condition,
  ConstantName,
  Load,
  Loop,
  LoopKind,
  Mask,
  MicroOp,
  Operand,
  Operation,
  Piece,
  Program,
  Store,
  Variant,
} from './microOps.ts';

const ACC: Operand = { from: 'acc' };
const SWAP: Operand = { from: 'swap', negate: 'even' };
const INDEX: Operand = { from: 'index' };
const FOLD_LOW: Operand = { from: 'foldLow' };
const FOLD_HIGH: Operand = { from: 'foldHigh' };

function reg(register: number): Operand {
  return { from: 'register', register };
}
function mem(load: Load): Operand {
  return { from: 'memory', load };
}
function num(constant: ConstantName): Operand {
  return { from: 'constant', constant };
}
function minus(operand: Operand): Operand {
  return { ...operand, negate: 'all' };
}
function form(b: Operand, form: NonNullable<Operand['form']>): Operand {
  return { ...b, form };
}

interface Effects {
  readonly mask?: Mask;
  readonly save?: number;
  readonly store?: Store;
}

function op(operation: Operation, a: Operand, b: Operand, effects: Effects = {}): MicroOp {
  return { operation, a, b, ...effects };
}
function move(a: Operand, effects: Effects = {}): MicroOp {
  return op('move', a, num('zero'), effects);
}
function raw(a: Operand, effects: Effects = {}): MicroOp {
  return op('raw', a, num('zero'), effects);
}
function mul(a: Operand, b: Operand, effects: Effects = {}): MicroOp {
  return op('multiply', a, b, effects);
}
function add(a: Operand, b: Operand, effects: Effects = {}): MicroOp {
  return op('add', a, b, effects);
}
function wait(slots: number): MicroOp[] {
  return Array.from({ length: slots }, () => move(num('zero')));
}

function loop(kind: LoopKind, ...body: readonly Piece[]): Loop {
  return { loop: kind, body };
}
function when(condition: Condition, ...body: readonly Piece[]): Variant {
  return { when: condition, is: true, body };
}
function unless(condition: Condition, ...body: readonly Piece[]): Variant {
  return { when: condition, is: false, body };
}
/** The accumulators of all lanes combined; the result is in every lane. */
function fold(operation: Operation, effects: Effects = {}): Loop {
  return loop('fold', op(operation, FOLD_LOW, FOLD_HIGH, effects));
}

// ---- functions of numerics.md, section 3; they work in two registers

/** 2^x, from the accumulator, just saved in `t`. */
function exp2(t: number, s: number, effects: Effects = {}): MicroOp[] {
  return [
    op('exp2Scale', ACC, num('zero'), { save: s }),
    op('exp2Fraction', reg(t), num('zero'), { save: t }),
    mul(ACC, num('exp2C3')),
    add(ACC, num('exp2C2')),
    mul(ACC, reg(t)),
    add(ACC, num('exp2C1')),
    mul(ACC, reg(t)),
    add(ACC, num('one')),
    mul(ACC, form(reg(s), 'scale'), effects),
  ];
}

/** 1/x, from the accumulator, just saved in `t`. */
function reciprocal(t: number, s: number, effects: Effects = {}): MicroOp[] {
  const residue = [mul(ACC, form(reg(t), 'mantissa')), add(minus(ACC), num('two'))];
  return [
    op('reciprocalSeed', ACC, num('zero'), { save: s }),
    ...residue,
    mul(ACC, reg(s), { save: s }),
    ...residue,
    mul(ACC, reg(s)),
    op('reciprocalFinish', ACC, reg(t), effects),
  ];
}

/** 1/√x, from the accumulator, just saved in `t`. */
function rsqrt(t: number, s: number, effects: Effects): MicroOp[] {
  const step = [
    mul(ACC, ACC),
    mul(ACC, form(reg(t), 'rootMantissa')),
    add(minus(ACC), num('oneAndHalf')),
    mul(ACC, reg(s), { save: s }),
  ];
  return [
    op('rsqrtSeed', ACC, num('zero'), { save: s }),
    ...step,
    ...step,
    ...step,
    op('rsqrtFinish', ACC, reg(t), effects),
  ];
}

function sigmoid(x: Operand, t: number, s: number, effects: Effects = {}): MicroOp[] {
  return [
    mul(x, num('minusLog2e'), { save: t }),
    ...exp2(t, s),
    add(ACC, num('one'), { save: t }),
    ...reciprocal(t, s, effects),
  ];
}

/** e^x. */
function exp(x: Operand, t: number, s: number, effects: Effects): MicroOp[] {
  return [mul(x, num('log2e'), { save: t }), ...exp2(t, s, effects)];
}

const LOG1P = [
  'log1pC7',
  'log1pC6',
  'log1pC5',
  'log1pC4',
  'log1pC3',
  'log1pC2',
  'log1pC1',
  'one',
] as const;

/** log(1 + e^x); works in `x` as well. */
function softplus(a: Operand, x: number, t: number, s: number, effects: Effects = {}): MicroOp[] {
  return [
    move(a, { save: x }),
    raw(ACC),
    op('select', minus(ACC), ACC),
    ...exp(ACC, t, s, { save: t }),
    mul(ACC, num('log1pC8')),
    ...LOG1P.flatMap((coefficient) => [add(ACC, num(coefficient)), mul(ACC, reg(t), { save: s })]),
    op('clip', reg(x), num('zero')),
    add(ACC, reg(s), effects),
  ];
}

/** √max(x, smallest), from −x in the accumulator. */
function rootAtLeast(
  smallest: ConstantName,
  t: number,
  s: number,
  effects: Effects = {},
): MicroOp[] {
  return [
    op('smaller', minus(num(smallest)), ACC),
    move(minus(ACC), { save: t }),
    ...rsqrt(t, s, {}),
    mul(ACC, reg(t), effects),
  ];
}

// ---- softmax, which route has as well

const SOFTMAX = { largest: 0, factor: 1, sum: 2, t: 3, s: 4 } as const;

/** exp2((x − largest) · factor), +0 beyond the visible. */
function exponentials(factor: Operand): MicroOp[] {
  const { largest, t, s } = SOFTMAX;
  return [
    add(minus(reg(largest)), mem('a')),
    mul(ACC, factor, { save: t }),
    ...exp2(t, s, { mask: 'visible' }),
  ];
}

/** Before the rows of softmax: the largest, then 1 / sum, in their registers. */
function softmaxSums(factor: Operand, prepare: readonly MicroOp[]): Piece[] {
  const { largest, sum, t, s } = SOFTMAX;
  return [
    move(num('minusInfinity')),
    loop('windows', op('larger', mem('a'), ACC, { mask: 'visible' })),
    fold('larger', { save: largest }),
    ...prepare,
    move(num('zero'), { save: sum }),
    loop('windows', ...exponentials(factor), add(ACC, reg(sum), { save: sum })),
    fold('add', { save: t }),
    ...reciprocal(t, s, { save: sum }),
  ];
}

function softmax(): Program {
  const { factor, sum } = SOFTMAX;
  const prepare = [move(num('scale')), mul(ACC, num('log2e'), { save: factor })];
  const body = [
    ...softmaxSums(reg(factor), prepare),
    loop(
      'windows',
      ...exponentials(reg(factor)),
      unless('scaled', mul(ACC, reg(sum), { mask: 'visible', store: 'd' })),
      when('scaled', mul(ACC, reg(sum)), mul(ACC, mem('bytes'), { mask: 'visible', store: 'd' })),
    ),
  ];
  return { item: 'row', body };
}

// ---- rms and rope

function rms(): Program {
  const [sum, t, s, scale] = [0, 1, 2, 3];
  const body = [
    move(num('zero'), { save: sum }),
    loop(
      'windows',
      mul(mem('a'), mem('a'), { mask: 'visible' }),
      add(ACC, reg(sum), { save: sum }),
    ),
    fold('add'),
    mul(ACC, num('inverse')),
    add(ACC, num('epsilon'), { save: t }),
    ...rsqrt(t, s, { save: scale }),
    ...wait(1),
    loop('windows', mul(mem('a'), reg(scale)), mul(ACC, mem('b'), { store: 'd' })),
  ];
  return { item: 'row', body };
}

/** In place: the first half of x is read a last time in the slot after its new value is stored. */
function rope(): Program {
  const [table, low, high] = [0, 1, 2];
  const body = [
    move(mem('b'), { save: table }),
    mul(ACC, mem('a'), { save: low }),
    mul(reg(table), mem('aHalf'), { save: high }),
    move(mem('bHalf'), { save: table }),
    mul(ACC, mem('aHalf')),
    add(minus(ACC), reg(low), { store: 'd' }),
    mul(reg(table), mem('a')),
    add(ACC, reg(high), { store: 'dHalf' }),
  ];
  return { item: 'pairs', body };
}

function ropeInterleaved(): Program {
  const cosines = 0;
  const body = [
    move(mem('pairs')),
    mul(FOLD_LOW, mem('a'), { save: cosines }),
    move(mem('pairsHalf')),
    mul(FOLD_LOW, mem('a')),
    add(SWAP, reg(cosines), { store: 'd' }),
  ];
  return { item: 'window', body };
}

// ---- argmax

function argmax(): Program {
  const [value, index, best] = [0, 1, 2];
  const body = [
    move(num('nan'), { save: value }),
    move(num('zero'), { save: index }),
    loop(
      'windows',
      op('larger', mem('a'), reg(value), { mask: 'visible', save: value }),
      op('select', INDEX, reg(index), { save: index }),
    ),
    move(reg(value)),
    fold('larger', { save: best }),
    op('same', ACC, reg(value)),
    op('select', reg(index), num('infinity')),
    fold('smaller'),
    add(ACC, num('base'), { save: index }),
    unless('accumulate', move(reg(best), { store: 'word0' }), move(reg(index), { store: 'word1' })),
    when(
      'accumulate',
      op('larger', reg(best), mem('dWord0'), { store: 'word0' }),
      op('select', reg(index), mem('dWord1'), { store: 'word1' }),
    ),
  ];
  return { item: 'row', body };
}

// ---- topk. While it works, d holds what is chosen so far.

function topk(): Program {
  const [best, index] = [0, 1];
  const body = [
    loop('windows', move(num('zero'), { store: 'd' })),
    loop(
      'topK',
      ...wait(1),
      raw(num('absent'), { save: best }),
      move(num('infinity'), { save: index }),
      loop(
        'windows',
        op('same', mem('d'), num('zero')),
        move(mem('a')),
        op('largerIf', ACC, reg(best), { mask: 'visible', save: best }),
        op('select', INDEX, reg(index), { save: index }),
      ),
      ...bestIndex(best, index),
      loop(
        'windows',
        op('same', INDEX, reg(index)),
        op('select', num('one'), mem('d'), { store: 'd' }),
      ),
    ),
  ];
  return { item: 'row', body };
}

/** Of the lanes' best and their columns, the first column of the largest, in `index` of all lanes. */
function bestIndex(best: number, index: number): Piece[] {
  return [
    raw(reg(best)),
    fold('larger'),
    op('same', ACC, reg(best)),
    op('select', reg(index), num('infinity')),
    fold('smaller', { save: index }),
    ...wait(1),
  ];
}

// ---- route. While it works, d holds the scores: those chosen with their sign set, −Inf where the
// group is not. So what has a sign is no candidate.

const [CHOSEN_GROUPS, GROUP_SCORES] = [4, 5];

function route(): Program {
  const body = [
    move(num('minusInfinity')),
    when(
      'softmax',
      ...softmaxSums(num('log2e'), []),
      loop('windows', ...exponentials(num('log2e')), mul(ACC, reg(SOFTMAX.sum), { store: 'd' })),
    ),
    unless('softmax', move(num('zero')), ...scores()),
    raw(num('absent'), { save: GROUP_SCORES }),
    when('grouped', ...chooseGroups()),
    loop('topK', ...chooseExpert()),
    ...wait(3),
    when('grouped', ...forgetGroups(), ...wait(2)),
    ...gates(),
  ];
  return { item: 'row', body };
}

/** Of each expert by itself: sigmoid, or √softplus. */
function scores(): Piece[] {
  const { t, s } = SOFTMAX;
  const roots = [
    ...softplus(mem('a'), 0, t, s),
    move(minus(ACC)),
    ...rootAtLeast('smallestNormal', t, s, { store: 'd' }),
  ];
  return [
    when('sigmoid', loop('windows', ...sigmoid(mem('a'), t, s, { store: 'd' }))),
    unless('sigmoid', loop('windows', ...roots)),
  ];
}

function chooseGroups(): Piece[] {
  const [scores, chosen] = [GROUP_SCORES, CHOSEN_GROUPS];
  return [
    move(num('zero'), { save: chosen }),
    loop('groups', ...scoreGroup()),
    ...wait(1),
    loop(
      'topGroups',
      raw(reg(scores)),
      fold('larger'),
      op('same', ACC, reg(scores)),
      op('select', INDEX, num('infinity')),
      fold('smaller'),
      op('same', INDEX, ACC),
      op('select', num('absent'), reg(scores), { save: scores }),
      op('select', num('one'), reg(chosen), { save: chosen }),
    ),
    ...wait(1),
    loop(
      'groups',
      op('take', reg(chosen), num('zero'), { mask: 'lane' }),
      fold('larger'),
      op('same', ACC, num('zero')),
      loop('windows', op('select', num('minusInfinity'), mem('d'), { mask: 'group', store: 'd' })),
    ),
  ];
}

/**
 * The largest of group `step`, or the sum of its two largest, into its lane of the scores. Each lane keeps its own two
 * largest; the second of all is the first of all lanes but one that has the largest, and its second.
 */
function scoreGroup(): Piece[] {
  const [first, second, x, t] = [0, 1, 2, 3];
  return [
    raw(num('absent'), { save: first }),
    raw(num('absent'), { save: second }),
    loop(
      'windows',
      move(mem('d'), { save: x }),
      when('biased', add(ACC, mem('b'), { save: x })),
      op('smaller', ACC, reg(first)),
      op('larger', ACC, reg(second), { mask: 'group', save: second }),
      move(reg(x)),
      op('larger', ACC, reg(first), { mask: 'group', save: first }),
    ),
    fold('larger', { save: t }),
    unless(
      'groupByBest',
      op('same', ACC, reg(first)),
      op('select', INDEX, num('infinity')),
      fold('smaller'),
      op('same', INDEX, ACC),
      op('take', reg(first), num('zero')),
      op('select', reg(second), ACC),
      fold('larger'),
      op('same', ACC, num('absent')),
      op('select', num('zero'), ACC),
      add(ACC, reg(t)),
    ),
    op('take', ACC, reg(GROUP_SCORES), { mask: 'lane', save: GROUP_SCORES }),
  ];
}

/** Marks the best candidate. */
function chooseExpert(): Piece[] {
  const [best, index] = [0, 1];
  return [
    ...wait(1),
    raw(num('absent'), { save: best }),
    move(num('infinity'), { save: index }),
    loop(
      'windows',
      raw(mem('d')),
      when('biased', add(ACC, mem('b'))),
      op('largerIf', ACC, reg(best), { mask: 'visible', save: best }),
      op('select', INDEX, reg(index), { save: index }),
    ),
    ...bestIndex(best, index),
    loop(
      'windows',
      op('same', INDEX, reg(index)),
      op('select', minus(mem('d')), mem('d'), { store: 'd' }),
    ),
  ];
}

function forgetGroups(): Piece[] {
  return [
    loop(
      'windows',
      op('same', mem('d'), num('minusInfinity')),
      op('select', num('zero'), ACC, { store: 'd' }),
    ),
  ];
}

function gates(): Piece[] {
  const [sum, t, s, factor] = [0, 1, 2, 3];
  return [
    move(num('zero'), { save: sum }),
    when(
      'normalize',
      loop(
        'columns',
        op('clip', minus(mem('dStep')), num('zero')),
        add(ACC, reg(sum), { save: sum }),
      ),
      add(ACC, num('smallestSum'), { save: t }),
      ...reciprocal(t, s, { save: factor }),
    ),
    loop(
      'windows',
      raw(minus(mem('d'))),
      when('normalize', mul(ACC, reg(factor))),
      mul(ACC, num('scale')),
      op('select', ACC, num('zero'), { store: 'd' }),
    ),
  ];
}

// ---- sums of rows times numbers

function mix(): Program {
  const sum = 0;
  const body = [
    move(num('zero'), { save: sum }),
    when('accumulate', move(mem('d'), { save: sum })),
    loop('terms', move(mem('bTerm')), mul(ACC, mem('aTerm')), add(ACC, reg(sum), { save: sum })),
    move(ACC, { store: 'd' }),
  ];
  return { item: 'window', body };
}

// ---- all

const GATE = 0;

/** The gate is in the accumulator, just saved. */
function silu(effects: Effects = {}): MicroOp[] {
  return [...sigmoid(ACC, 1, 2), mul(ACC, reg(GATE), effects)];
}

/** Within limits by what keeps a NaN: the smaller, of −b too. */
function swiglu(): Piece[] {
  return [
    move(mem('a'), { save: GATE }),
    when('limited', op('smaller', ACC, num('limit'), { save: GATE })),
    ...silu({ save: GATE }),
    unless('limited', mul(ACC, mem('b'), { store: 'd' })),
    when(
      'limited',
      op('smaller', mem('b'), num('limit')),
      op('smaller', minus(ACC), num('limit')),
      mul(minus(ACC), reg(GATE), { store: 'd' }),
    ),
  ];
}

function signedRoot(): MicroOp[] {
  const [x, t, s, root] = [0, 1, 2, 3];
  return [
    move(mem('a'), { save: x }),
    raw(ACC),
    op('select', minus(ACC), ACC),
    ...rootAtLeast('smallest', t, s, { save: root }),
    raw(minus(reg(x))),
    op('select', minus(reg(root)), reg(root), { save: root }),
    op('same', reg(x), num('zero')),
    op('select', num('zero'), reg(root)),
    move(ACC, { store: 'd' }),
  ];
}

function sum(): Program {
  const total = 0;
  const body = [
    move(num('zero'), { save: total }),
    loop('windows', move(mem('a'), { mask: 'visible' }), add(ACC, reg(total), { save: total })),
    fold('add'),
    mul(ACC, num('scale'), { store: 'word0' }),
  ];
  return { item: 'row', body };
}

function windows(...body: readonly Piece[]): Program {
  return { item: 'window', body };
}

/**
 * A copy, quantised in groups wider than the lanes or no power of two: the scale is known only after all
 * of a group.
 */
function copyWide(): Program {
  const body = [
    loop('windows', move(mem('a'), { mask: 'visible', store: 'measure' })),
    loop('windows', move(mem('a'), { store: 'wide' })),
  ];
  return { item: 'group', body };
}

export const MICROCODE = {
  copy: windows(move(mem('a'), { store: 'd' })),
  copyWide: copyWide(),
  add: windows(move(mem('a')), add(ACC, mem('b'), { store: 'd' })),
  mul: windows(move(mem('a')), mul(ACC, mem('b'), { store: 'd' })),
  swiglu: windows(...swiglu()),
  silu: windows(move(mem('a'), { save: GATE }), ...silu({ store: 'd' })),
  rms: rms(),
  rope: rope(),
  ropeInterleaved: ropeInterleaved(),
  softmax: softmax(),
  argmax: argmax(),
  route: route(),
  combine: {
    item: 'token',
    body: [move(mem('gate')), mul(ACC, mem('a')), add(ACC, mem('d'), { store: 'd' })],
  },
  zero: windows(move(num('zero'), { store: 'd' })),
  sigmoid: windows(...sigmoid(mem('a'), 0, 1, { store: 'd' })),
  exp: windows(...exp(mem('a'), 0, 1, { store: 'd' })),
  softplus: windows(...softplus(mem('a'), 0, 1, 2, { store: 'd' })),
  max: windows(move(mem('a')), op('larger', ACC, mem('b')), move(ACC, { store: 'd' })),
  min: windows(move(mem('a')), op('smaller', ACC, mem('b')), move(ACC, { store: 'd' })),
  div: windows(
    move(mem('b'), { save: 0 }),
    ...reciprocal(0, 1),
    mul(ACC, mem('a'), { store: 'd' }),
  ),
  sum: sum(),
  signedRoot: windows(...signedRoot()),
  scale: windows(move(mem('bTerm')), mul(ACC, mem('a'), { store: 'd' })),
  scaleAdd: windows(move(mem('bTerm')), mul(ACC, mem('a')), add(ACC, mem('d'), { store: 'd' })),
  topk: topk(),
  mix: mix(),
} as const satisfies Record<string, Program>;

export type ProgramName = keyof typeof MICROCODE;

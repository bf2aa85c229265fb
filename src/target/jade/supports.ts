/** What Jade runs: one answer an operator, with the reason where it is no. */
import type { Chip } from '../../chip/index.ts';
import type { Support } from '../../compile/index.ts';
import {
  lastDim,
  MX_BLOCK,
  sameType,
  typeToString,
  type Node,
  type Op,
  type OpAttrs,
  type Rules,
} from '../../ir/index.ts';
import { isScaling } from './schedule/epilogue.ts';

const YES: Support = { ok: true };

type Check = (node: Node, chip: Chip) => Support;

function no(reason: string): Support {
  return { ok: false, reason };
}

const yes: Check = () => YES;

const foldedOnly: Check = (node) =>
  node.inputs[0]!.op === 'weight'
    ? YES
    : no('only weights are transposed, when the program is made');

const fromLinear: Check = (node) =>
  node.inputs[0]!.op === 'linear' ? YES : no('the result must come from a linear');

/** The vector unit adds rows of one width: those of two values, or each with one of constants. */
const sameRows: Check = ({ inputs: [a, b] }) => {
  if (sameType(a!.type, b!.type)) return YES;
  if (b!.op === 'weight' && b!.type.shape.length === 1) return YES;
  return no(
    `a second operand ${typeToString(b!.type)} beside ${typeToString(a!.type)} has no lowering`,
  );
};

/** It multiplies those, or each by a number of its own. */
const multiplied: Check = (node, chip) => (isScaling(node) ? YES : sameRows(node, chip));

/** Positions are divided by shifts. */
const byShift: Check = ({ attrs }) => {
  const { tokensPerRow = 1 } = attrs as { readonly tokensPerRow?: number };
  return Number.isInteger(Math.log2(tokensPerRow))
    ? YES
    : no(`tokens that share a row must be a power of two, not ${tokensPerRow}`);
};

/** The state that they are gathered from has whole blocks of 32. */
const inBlocks: Check = (node, chip) => {
  const { tokensPerRow } = node.attrs as OpAttrs['blockRows'];
  if (node.inputs[0]!.op !== 'topRows') return no('blocks must be those of an indexer');
  return tokensPerRow <= MX_BLOCK
    ? byShift(node, chip)
    : no(`blocks must have at most ${MX_BLOCK} rows, not ${tokensPerRow}`);
};

/** Marks of blocks are read as they were made. */
const withinBlocks: Check = ({ inputs: [, , , , blocks], attrs }) => {
  if (blocks === undefined) return YES;
  const { blockRows, tokensPerRow = 1 } = attrs as OpAttrs['topRows'];
  if (blocks.op !== 'topBlocks') return no('blocks must be those of an indexer');
  const of = blocks.attrs;
  return of.blockRows === blockRows && (of.tokensPerRow ?? 1) === tokensPerRow
    ? YES
    : no('blocks must be chosen of the same rows');
};

/** Its rows are keys and values: one scale for all of a row. */
const windowed: Check = (node) => {
  const { inputs, type } = node;
  if (inputs[3]!.op !== 'weight') return no('logits of sinks must be weights');
  return lastDim(type) % MX_BLOCK === 0 ? YES : no(`rows must be whole blocks of ${MX_BLOCK}`);
};

/** Parts of weights are cut and joined where a model is read. */
const computed: Check = ({ op, inputs }) =>
  inputs.some((input) => input.op === 'weight') ? no(`${op} of weights has no lowering`) : YES;

const routed: Check = (node) => {
  const [logits, , table] = node.inputs;
  if (logits!.op !== 'linear') return no('router logits must come from a linear');
  if (table !== undefined && table.op !== 'weight')
    return no('a table of experts must be a weight');
  return YES;
};

/** Indices of rows come from the host. */
const rowsByHost: Check = ({ inputs: [indices] }) =>
  indices!.op === 'input' || indices!.op === 'ngramRows'
    ? YES
    : no('rows of a table must be those of tokens or n-grams');

const SMALLEST_NORMAL = 2 ** -126;

const normalRoot: Check = ({ attrs }) =>
  Math.fround((attrs as OpAttrs['signedRoot']).smallest) >= SMALLEST_NORMAL
    ? YES
    : no('the smallest magnitude must be a normal number');

/** Limits are above 0, where there are any: 0 means none. */
const limited: Check = ({ attrs }) =>
  Math.fround((attrs as OpAttrs['experts']).limit ?? 1) > 0
    ? YES
    : no('a limit of gates must be above 0');

/** Coefficients of streams are computed with constants. */
const ofWeights: Check = ({ op, inputs }) =>
  inputs.slice(op === 'nGramGate' ? 2 : 1).every((input) => input.op === 'weight')
    ? YES
    : no(`the constants of ${op} must be weights`);

const convolved: Check = ({ inputs }) =>
  inputs[2]!.op === 'weight' ? YES : no('the taps of a convolution must be weights');

const CHECKS: Rules<Check> = {
  input: yes,
  weight: yes,
  state: yes,
  splitHeads: yes,
  mergeHeads: yes,
  repeatHeads: yes,
  slice: computed,
  concat: computed,
  transpose: foldedOnly,
  lastToken: yes,
  embedding: rowsByHost,
  append: yes,
  add: sameRows,
  mul: multiplied,
  sigmoid: yes,
  softplus: yes,
  silu: yes,
  swiglu: limited,
  rmsNormalization: yes,
  layerNormalization: ofWeights,
  l2Normalization: yes,
  rotaryEmbedding: yes,
  argMax: fromLinear,
  quantize: yes,
  linear: yes,
  headLinear: yes,
  attention: yes,
  topRows: withinBlocks,
  topBlocks: yes,
  nGramGate: ofWeights,
  fakeQuantize: () => no('only what the matrix unit reads is rounded, by its own blocks'),
  route: routed,
  experts: limited,
  causalConvolution: convolved,
  gatedDelta: yes,
  routeByToken: routed,
  hyperConnection: ofWeights,
  mixHeads: yes,
  compress: yes,
  windowAttention: windowed,
  blockRows: inBlocks,
  signedRoot: normalRoot,
  dot: yes,
  ngramRows: yes,
};

export function supportsNode(node: Node, chip: Chip): Support {
  const op: Op = node.op;
  return CHECKS[op](node, chip);
}

/** What Jade runs: one answer an operator, with the reason where it is no. */
import { type Chip } from '../../chip/index.ts';
import { type Support } from '../../compile/index.ts';
import {
  lastDim,
  MX_BLOCK,
  sameType,
  typeToString,
  type Node,
  type Op,
  type OpAttrs,
  type RouteAttrs,
  type Rules,
} from '../../ir/index.ts';

const YES: Support = { ok: true };

type Check = (node: Node, chip: Chip) => Support;

function no(reason: string): Support {
  return { ok: false, reason };
}

const yes: Check = () => YES;

const wholeBlocks: Check = (node) => {
  const width = lastDim(node.inputs[0]!.type);
  return width % MX_BLOCK === 0
    ? YES
    : no(`the contracted width must be a multiple of ${MX_BLOCK}, not ${width}`);
};

const foldedOnly: Check = (node) =>
  node.inputs[0]!.op === 'weight'
    ? YES
    : no('only weights are transposed, when the program is made');

const wholeScales: Check = (node) => {
  const values = lastDim(node.inputs[2]!.type);
  return values % MX_BLOCK === 0
    ? wholeBlocks(node, undefined as never)
    : no(`value rows must be blocks of ${MX_BLOCK}`);
};

const fromLinear: Check = (node) =>
  node.inputs[0]!.op === 'linear' ? YES : no('the result must come from a linear');

const mergedRows: Check = (node, chip) =>
  node.inputs[0]!.type.shape.length === 3
    ? wholeBlocks(node, chip)
    : no('a linear reads merged rows, not heads; use headLinear');

/** The vector unit adds and multiplies rows of one width: those of two values, or each with one of constants. */
const sameRows: Check = ({ inputs: [a, b] }) => {
  if (sameType(a!.type, b!.type)) return YES;
  if (b!.op === 'weight' && b!.type.shape.length === 1) return YES;
  return no(
    `a second operand ${typeToString(b!.type)} beside ${typeToString(a!.type)} has no lowering`,
  );
};

const attended: Check = (node, chip) =>
  node.inputs.length === 5
    ? no('attention to chosen rows has no lowering')
    : wholeScales(node, chip);

/** No attribute or operand beyond those that the instruction has. */
const plain = (attribute: string, what: string, others: Check = yes): Check => {
  return (node, chip) =>
    (node.attrs as Readonly<Record<string, unknown>>)[attribute] === undefined
      ? others(node, chip)
      : no(`${what} has no lowering`);
};

const weighted: Check = ({ inputs }) =>
  inputs.length === 2 ? YES : no('a normalisation without a weight has no lowering');

const routed: Check = (node) => {
  if (node.inputs[0]!.op !== 'linear') return no('router logits must come from a linear');
  const { groupByBest = false, scoring } = node.attrs as RouteAttrs;
  if (scoring === 'sqrtSoftplus') return no('experts are scored by softmax or sigmoid');
  return groupByBest ? no('groups of experts are scored by their best two, not by the best') : YES;
};

const positioned: Check = ({ inputs }) =>
  inputs.length === 2 ? YES : no('rotation of rows of a state has no lowering');

const fedByHost: Check = ({ attrs }) =>
  (attrs as OpAttrs['input']).name === 'hidden'
    ? no('the host gives a step tokens and positions, not the hidden rows of another graph')
    : YES;

const rowOfToken: Check = ({ inputs: [tokens] }) =>
  tokens!.type.shape.length === 2 ? YES : no('several rows of a table a token have no lowering');

const noInstruction: Check = ({ op }) => no(`the vector unit has no instruction for ${op}`);

const CHECKS: Rules<Check> = {
  input: fedByHost,
  weight: yes,
  state: yes,
  splitHeads: yes,
  mergeHeads: yes,
  repeatHeads: () => no('keys repeated for each head are not stored; use the absorbed form'),
  slice: () => no('a slice of a computed value has no lowering'),
  concat: (node) =>
    node.type.dtype === 'f32' ? no('only quantised parts are joined, in place') : YES,
  transpose: foldedOnly,
  lastToken: yes,
  embedding: rowOfToken,
  append: plain('tokensPerRow', 'an entry for several tokens'),
  add: sameRows,
  mul: sameRows,
  sigmoid: noInstruction,
  softplus: noInstruction,
  silu: yes,
  swiglu: plain('limit', 'a limit of gates'),
  rmsNormalization: weighted,
  layerNormalization: noInstruction,
  l2Normalization: noInstruction,
  rotaryEmbedding: plain('offset', 'rotation from an offset', positioned),
  argMax: fromLinear,
  quantize: wholeBlocks,
  linear: mergedRows,
  headLinear: wholeBlocks,
  attention: attended,
  topRows: noInstruction,
  topBlocks: noInstruction,
  nGramGate: noInstruction,
  fakeQuantize: noInstruction,
  route: routed,
  experts: plain('limit', 'a limit of gates', wholeBlocks),
  causalConvolution: noInstruction,
  gatedDelta: () => no('there is no instruction that updates a recurrent state'),
  routeByToken: noInstruction,
  hyperConnection: noInstruction,
  mixHeads: noInstruction,
  compress: noInstruction,
  windowAttention: () => no('attention to a window and entries has no lowering'),
  blockMeans: noInstruction,
  blockRows: noInstruction,
  signedRoot: noInstruction,
  dot: noInstruction,
  ngramRows: () => no('there is no integer arithmetic in 64 bits'),
};

export function supportsNode(node: Node, chip: Chip): Support {
  const op: Op = node.op;
  return CHECKS[op](node, chip);
}

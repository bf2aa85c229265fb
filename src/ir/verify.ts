/**
 * The verifier: what every graph must hold between any two passes.
 *
 * Beyond the typing rule of each op: sources have a shape they can have, state is changed in place
 * by exactly one node a step and read only through it, ops that depend on where a token stands see
 * all T tokens and the input `position`, and MX rows are whole blocks.
 */
import { ShapeError } from '../base/index.ts';
import { attributeProblems } from './attributes.ts';
import { makeNode, topologicalOrder, type Graph, type Node } from './graph.ts';
import { OPS, type Op, type OpAttrs } from './ops.table.ts';
import {
  isMx,
  isReplaced,
  sameShape,
  sameType,
  tensor,
  typeToString,
  MX_BLOCK,
  type TensorType,
} from './types.ts';

const MAX_PROBLEMS = 20;

const INPUT_TYPES = { tokens: tensor('i32', ['B', 'T']), position: tensor('i32', ['B']) };

/** The input that is the position of each sequence, for the ops that have one; that of topRows follows its keys. */
const POSITION_OPERAND: { readonly [O in Op]?: number } = {
  append: 2,
  rotaryEmbedding: 1,
  attention: 3,
  blockRows: 1,
  ngramRows: 2,
  causalConvolution: 3,
  gatedDelta: 6,
  compress: 2,
  topBlocks: 3,
  windowAttention: 4,
};

/** The inputs that are rows of a sequence, which an `append` gives. */
const ROWS_OPERANDS: { readonly [O in Op]?: readonly number[] } = {
  attention: [1, 2],
  topBlocks: [2],
  windowAttention: [5],
};

/** The keys of topRows, behind queries and weights, which may be left out where there are no blocks. */
function keysOfTopRows({ inputs }: Node): number {
  return inputs.length === 3 ? 1 : 2;
}

function positionOperandOf(node: Node): number | undefined {
  return node.op === 'topRows' ? keysOfTopRows(node) + 1 : POSITION_OPERAND[node.op];
}

function rowsOperandsOf(node: Node): readonly number[] {
  return node.op === 'topRows' ? [keysOfTopRows(node)] : (ROWS_OPERANDS[node.op] ?? []);
}

/** Throws ShapeError listing every rule the graph breaks and where. */
export function verify(graph: Graph): void {
  const order = topologicalOrder(graph);
  const problems = [
    ...order.flatMap((node) =>
      nodeProblems(node, graph).map((text) => `${whereOf(node)}: ${text}`),
    ),
    ...stateProblems(graph, order),
    ...outputProblems(graph),
  ];
  if (problems.length === 0) return;
  const rest = problems.length - MAX_PROBLEMS;
  const shown = problems.slice(0, MAX_PROBLEMS).join('; ');
  throw new ShapeError(rest > 0 ? `${shown}; and ${rest} more` : shown, {
    where: `graph ${graph.name}`,
  });
}

function whereOf({ op, label }: Node): string {
  return label === '' ? op : `${label}: ${op}`;
}

function nodeProblems(node: Node, graph: Graph): string[] {
  if (!Object.hasOwn(OPS, node.op)) return ['must be an op of the op table'];
  const problems = attributeProblems(node.op, node.attrs as Readonly<Record<string, unknown>>);
  if (problems.length > 0) return problems;
  return [
    ...typeProblems(node),
    ...sourceProblems(node, graph),
    ...positionProblems(node),
    ...blockProblems(node),
  ];
}

/** The typing rule, applied again. */
function typeProblems(node: Node): string[] {
  try {
    const { type } = makeNode(node.op, node.inputs, node.attrs);
    return sameType(type, node.type) ? [] : [mismatch('type', type, node.type)];
  } catch (error) {
    if (error instanceof ShapeError) return [error.message];
    throw error;
  }
}

function mismatch(what: string, required: TensorType, given: TensorType): string {
  return `${what} must be ${typeToString(required)}, not ${typeToString(given)}`;
}

function sourceProblems(node: Node, graph: Graph): string[] {
  if (node.op === 'input') return inputProblems(node.attrs.name, node.type);
  if (node.op === 'state') {
    const fits = isRows(node.type) || isReplaced(node.type);
    const required = 'state must be (B,S,G,K), or (B,…) f32 with numbers for all other extents';
    return fits ? [] : [`${required}, not ${typeToString(node.type)}`];
  }
  return node.op === 'weight' ? weightProblems(node.attrs.name, node.type, graph) : [];
}

/** `hidden` is a row a token, of any width. */
function inputProblems(name: OpAttrs['input']['name'], type: TensorType): string[] {
  const required =
    name === 'hidden' ? tensor('f32', ['B', 'T', type.shape.at(-1) ?? 1]) : INPUT_TYPES[name];
  return sameType(type, required) ? [] : [mismatch(name, required, type)];
}

/** Rows of the tokens so far, to which a step appends. */
function isRows({ shape }: TensorType): boolean {
  return shape.length === 4 && shape[0] === 'B' && shape[1] === 'S';
}

function weightProblems(name: string, type: TensorType, graph: Graph): string[] {
  const source = graph.weights.get(name);
  if (source === undefined) return [`weight ${name} must be declared by the graph`];
  if (type.dtype !== 'f32') return [`weight ${name} must be f32, not ${type.dtype}`];
  if (sameShape(source.shape, type.shape)) return [];
  return [mismatch(`weight ${name}`, tensor('f32', source.shape), type)];
}

function positionProblems(node: Node): string[] {
  const operand = positionOperandOf(node);
  if (operand === undefined) return [];
  const problems: string[] = [];
  const position = node.inputs[operand]!;
  const given = position.op === 'input' ? position.attrs.name : position.op;
  if (given !== 'position') problems.push(`input ${operand} must be position, not ${given}`);
  const rows = node.inputs[stateOperandOf(node) === 0 ? 1 : 0];
  if (rows?.type.shape[1] !== 'T') problems.push('rows must be those of all tokens (B,T,…)');
  return problems;
}

/** The input that the node changes; an op that is not of the table has none. */
function stateOperandOf({ op }: Node): number | undefined {
  return Object.hasOwn(OPS, op) ? OPS[op].stateOperand : undefined;
}

function blockProblems({ op, type, attrs }: Node): string[] {
  if (!isMx(type.dtype)) return [];
  const problems: string[] = [];
  if ((type.shape.at(-1) as number) % MX_BLOCK !== 0) {
    problems.push(`MX rows must be whole blocks of ${MX_BLOCK}, not ${typeToString(type)}`);
  }
  if (op === 'slice' && (attrs as { start: number }).start % MX_BLOCK !== 0) {
    problems.push(`a slice of MX rows must start at a block of ${MX_BLOCK}`);
  }
  return problems;
}

/** Each state is changed by the node the graph names, and used by nothing else. */
function stateProblems(graph: Graph, order: readonly Node[]): string[] {
  const problems: string[] = [];
  const changing = new Set(graph.states.values());
  for (const [name, node] of graph.states) {
    const state = node.inputs[stateOperandOf(node) ?? -1];
    if (state?.op !== 'state' || state.attrs.name !== name) {
      problems.push(`state ${name}: it must be changed by an op that takes it, not by ${node.op}`);
    }
  }
  for (const user of order) {
    for (const [i, input] of user.inputs.entries()) {
      const problem = useProblem(user, i, input, changing);
      if (problem !== undefined) problems.push(`${whereOf(user)}: ${problem}`);
    }
  }
  return problems;
}

function useProblem(
  user: Node,
  operand: number,
  input: Node,
  changing: ReadonlySet<Node>,
): string | undefined {
  const changes = operand === stateOperandOf(user) && changing.has(user);
  if (input.op === 'state' && !changes) {
    return `only the node that changes state ${input.attrs.name} may use it`;
  }
  const attended = rowsOperandsOf(user).includes(operand);
  if (input.op === 'append' && !attended) return 'only keys and values of attention may be states';
  if (attended && input.op !== 'append') {
    return `keys and values must be appended states, not ${input.op}`;
  }
  return undefined;
}

function outputProblems({ outputs }: Graph): string[] {
  const problems = outputs.size === 0 ? ['a graph must have outputs'] : [];
  for (const [name, { type }] of outputs) {
    if (type.dtype !== 'f32' && type.dtype !== 'i32') {
      problems.push(`output ${name} must be f32 or i32, not ${type.dtype}`);
    }
  }
  return problems;
}

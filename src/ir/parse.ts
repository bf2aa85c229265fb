/** Reads the text form of a graph, which print.ts describes. */
import { FormatError, ShapeError, UsageError } from '../base/index.ts';
import { attributeProblems } from './attributes.ts';
import { makeNode, type Graph, type Node, type WeightSource } from './graph.ts';
import { OPS, type Op, type OpAttrs } from './ops.table.ts';
import { LineScanner } from './scan.ts';
import {
  MX_FORMATS,
  sameShape,
  sameType,
  SYMBOLS,
  typeToString,
  type Dim,
  type DType,
  type TensorType,
} from './types.ts';

const DTYPES: readonly string[] = ['f32', 'i32', ...MX_FORMATS] satisfies DType[];

/** What has been read so far. */
interface Draft {
  name: string | undefined;
  readonly nodes: Map<string, Node>;
  /** Where each node is that nothing has used yet, by id. */
  readonly unused: Map<string, string>;
  readonly outputs: Map<string, Node>;
  readonly states: Map<string, Node>;
  readonly weights: Map<string, WeightSource>;
}

/**
 * Reads a graph; its weights have names and shapes, and loading one throws. Types of nodes are
 * checked, the rules between nodes are left to `verify`. Throws FormatError with `where` and the line.
 */
export function parseGraph(text: string, where = 'graph'): Graph {
  const draft: Draft = {
    name: undefined,
    nodes: new Map(),
    unused: new Map(),
    outputs: new Map(),
    states: new Map(),
    weights: new Map(),
  };
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith(';')) continue;
    parseLine(new LineScanner(line, `${where}:${i + 1}`), draft);
  }
  const { name, outputs, states, weights } = draft;
  if (name === undefined) throw new FormatError('text must hold a graph, not be empty', { where });
  requireUsed(draft);
  return { name, outputs, states, weights };
}

function parseLine(scanner: LineScanner, draft: Draft): void {
  if (draft.name === undefined) {
    scanner.take(/graph /y, 'graph NAME');
    draft.name = parseName(scanner);
  } else if (scanner.follows('%')) {
    parseNode(scanner, draft);
  } else {
    parseResult(scanner, draft);
  }
  scanner.end();
}

/** A node that nothing uses would be lost in printing. */
function requireUsed({ unused }: Draft): void {
  for (const [id, where] of unused) {
    throw new FormatError(`${id} must be used by a node, an output or a state`, { where });
  }
}

function parseName(scanner: LineScanner): string {
  if (!scanner.follows('"')) return scanner.take(/[\w./-]+/y, 'a name');
  return scanner.json(/"(?:[^"\\]|\\.)*"/y, 'a name in quotes') as string;
}

/** `output NAME = %ID` or `state NAME = %ID`. */
function parseResult(scanner: LineScanner, draft: Draft): void {
  const kind = scanner.take(/output |state /y, 'a node (%…), an output or a state').trim();
  const results = kind === 'output' ? draft.outputs : draft.states;
  const name = parseName(scanner);
  if (results.has(name)) scanner.fail(`${kind} ${name} must be given once`);
  scanner.take(/ = /y, '" = "');
  results.set(name, parseUse(scanner, draft));
}

/** The use of a node that is already defined. */
function parseUse(scanner: LineScanner, { nodes, unused }: Draft): Node {
  const id = scanner.take(/%\d{1,9}/y, 'a node (%…)');
  const node = nodes.get(id);
  if (node === undefined) scanner.fail(`${id} must be defined on a line above`);
  unused.delete(id);
  return node;
}

/** `%ID = op(%ID, …) {attributes} : type ; label`. */
function parseNode(scanner: LineScanner, draft: Draft): void {
  const id = scanner.take(/%\d{1,9}/y, 'a node (%…)');
  if (draft.nodes.has(id)) scanner.fail(`${id} must be defined once`);
  scanner.take(/ = /y, '" = "');
  const op = scanner.take(/\w+/y, 'an op') as Op;
  if (!Object.hasOwn(OPS, op)) scanner.fail(`op must be one of the op table, not ${op}`);
  const inputs = parseInputs(scanner, draft);
  const attrs = parseAttributes(scanner, op);
  scanner.take(/ : /y, '" : " and a type');
  const type = parseType(scanner);
  const label = scanner.follows(' ; ') ? scanner.rest().slice(3) : '';
  const node = typedNode(scanner, op, inputs, attrs, type, label);
  draft.nodes.set(id, node);
  draft.unused.set(id, scanner.where);
  if (node.op === 'weight') declareWeight(scanner, node.attrs.name, type, draft);
}

function parseInputs(scanner: LineScanner, draft: Draft): Node[] {
  scanner.take(/\(/y, '"("');
  const inputs: Node[] = [];
  while (!scanner.follows(')')) {
    if (inputs.length > 0) scanner.take(/, /y, '", " or ")"');
    inputs.push(parseUse(scanner, draft));
  }
  scanner.take(/\)/y, '")"');
  return inputs;
}

function parseAttributes(scanner: LineScanner, op: Op): Record<string, unknown> {
  let attrs: Record<string, unknown> = {};
  if (scanner.follows(' {')) {
    scanner.take(/ /y, 'a space');
    const flatObject = /\{(?:[^"{}]|"(?:[^"\\]|\\.)*")*\}/y;
    attrs = scanner.json(flatObject, 'attributes in JSON') as Record<string, unknown>;
  }
  const problems = attributeProblems(op, attrs);
  if (Object.hasOwn(attrs, 'type')) problems.push('type must be given after ":", not here');
  if (problems.length > 0) scanner.fail(`attributes of ${op}: ${problems.join('; ')}`);
  return attrs;
}

function parseType(scanner: LineScanner): TensorType {
  const dtype = scanner.take(/\w+/y, `a dtype (${DTYPES.join(', ')})`);
  if (!DTYPES.includes(dtype)) {
    scanner.fail(`dtype must be one of ${DTYPES.join(', ')}, not ${dtype}`);
  }
  scanner.take(/\[/y, '"["');
  const dims = scanner.take(/[^\]]*/y, 'dimensions').split(',');
  scanner.take(/\]/y, '"]"');
  return { dtype: dtype as DType, shape: dims.map((dim) => parseDim(scanner, dim)) };
}

function parseDim(scanner: LineScanner, text: string): Dim {
  const symbol = SYMBOLS.find((name) => name === text);
  if (symbol !== undefined) return symbol;
  const extent = Number(text);
  if (/^[1-9]\d*$/.test(text) && Number.isSafeInteger(extent)) return extent;
  return scanner.fail(`a dimension must be a positive integer, B, T or S, not "${text}"`);
}

/** The node, if its type follows from its inputs. */
function typedNode(
  scanner: LineScanner,
  op: Op,
  inputs: readonly Node[],
  attrs: Record<string, unknown>,
  type: TensorType,
  label: string,
): Node {
  const isSource = op === 'input' || op === 'weight' || op === 'state';
  const complete = (isSource ? { ...attrs, type } : attrs) as OpAttrs[Op];
  try {
    const node = makeNode(op, inputs, complete, label);
    if (sameType(node.type, type)) return node;
    return scanner.fail(`type must be ${typeToString(node.type)}, not ${typeToString(type)}`);
  } catch (error) {
    if (error instanceof ShapeError) return scanner.fail(`${op}: ${error.message}`);
    throw error;
  }
}

function declareWeight(
  scanner: LineScanner,
  name: string,
  { shape }: TensorType,
  { weights }: Draft,
): void {
  const extents = shape.filter((dim) => typeof dim === 'number');
  if (extents.length < shape.length) scanner.fail(`weight ${name} must have numbers as dimensions`);
  const known = weights.get(name);
  if (known !== undefined && !sameShape(known.shape, shape)) {
    scanner.fail(`weight ${name} must have one shape, not [${known.shape}] and [${shape}]`);
  }
  weights.set(name, { name, shape: extents, load: () => failToLoad(name) });
}

function failToLoad(name: string): never {
  throw new UsageError('running a graph must have its weights, not its text alone', {
    where: `weight ${name}`,
  });
}

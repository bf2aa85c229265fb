/**
 * Quantisation for Jade: every operand of the matrix unit becomes MX blocks, explicitly in the graph.
 *
 * Weights take the chip's weight format, activations and attention state its activation format.
 * Routers and the coefficients of residual streams keep 8-bit weights: a wrong expert, and what all layers
 * read, cost more than the bytes save. Rows used as
 * attention values share one scale, which the softmax folds into the probabilities
 * (docs/numerics.md, section 4).
 */
import { UnsupportedError } from '../../../base/index.ts';
import type { Chip } from '../../../chip/index.ts';
import type { Pass } from '../../../compile/index.ts';
import {
  isReplaced,
  lastDim,
  makeNode,
  rewrite,
  tensor,
  topologicalOrder,
  typeToString,
  withLast,
  MX_BLOCK,
  type Graph,
  type MxFormat,
  type Node,
  type NodeOf,
  wholeBlocks,
} from '../../../ir/index.ts';

export function quantizeForMatrixUnit(chip: Chip): Pass {
  return { name: 'quantizeForMatrixUnit', run: (graph) => new Quantizer(chip, graph).run() };
}

/** Operators whose logits come from weights that stay precise. */
const ROUTED: ReadonlySet<Node['op']> = new Set(['route', 'routeByToken', 'hyperConnection']);

class Quantizer {
  private readonly activation: MxFormat;
  private readonly weight: MxFormat;
  private readonly graph: Graph;
  /** Width of the values in each state's rows, by name; states used as keys only are absent. */
  private readonly valueWidths = new Map<string, number>();
  private readonly routers = new Set<string>();
  /** States of the last rows of attention. */
  private readonly windows = new Set<string>();

  constructor(chip: Chip, graph: Graph) {
    this.activation = chip.matrix.activationFormat;
    this.weight = chip.matrix.weightFormat;
    this.graph = graph;
    for (const node of topologicalOrder(graph)) {
      if (node.op === 'attention')
        this.valueWidths.set(stateName(node.inputs[2]!), node.attrs.valueWidth);
      if (node.op === 'windowAttention') {
        this.windows.add(stateName(node));
        for (const rows of node.inputs.slice(5, 6))
          this.valueWidths.set(stateName(rows), lastDim(node.type));
      }
      if (ROUTED.has(node.op)) this.routers.add(weightName(node.inputs[0]!));
    }
  }

  run(): Graph {
    return rewrite(this.graph, (node) => this.rewriteNode(node));
  }

  private rewriteNode(node: Node): Node | undefined {
    switch (node.op) {
      case 'linear':
      case 'headLinear':
        return this.contraction(node);
      case 'state':
        return this.state(node);
      case 'append':
        return this.append(node);
      case 'attention':
        return this.remake(node, [
          this.quantize(node.inputs[0]!, MX_BLOCK),
          ...node.inputs.slice(1),
        ]);
      case 'windowAttention':
        return this.window(node);
      case 'topRows':
      case 'topBlocks':
        return this.indexer(node);
      case 'experts':
        return this.experts(node);
      default:
        return undefined;
    }
  }

  private contraction(node: NodeOf<'linear'> | NodeOf<'headLinear'>): Node {
    const [x, weight] = node.inputs as [Node, Node];
    const format = this.routers.has(weightName(node)) ? this.activation : this.weight;
    return this.remake(node, [this.quantize(x, MX_BLOCK), quantizeWeight(weight, format)]);
  }

  private experts(node: NodeOf<'experts'>): Node {
    const [x, gates, ...weights] = node.inputs as [Node, Node, ...Node[]];
    const packed = weights.map((weight) => quantizeWeight(weight, this.weight));
    return this.remake(node, [this.quantize(x, MX_BLOCK), gates, ...packed]);
  }

  /** Rows are keys and values: their channels share one scale. */
  private window(node: NodeOf<'windowAttention'>): Node {
    const [state, query, rows, ...others] = node.inputs as [Node, Node, Node, ...Node[]];
    const inBlocks = [this.quantize(query, MX_BLOCK), this.quantize(rows, lastDim(rows.type))];
    return this.remake(node, [state, ...inBlocks, ...others]);
  }

  /** Keys are rows of a state, in blocks already. */
  private indexer(node: NodeOf<'topRows'> | NodeOf<'topBlocks'>): Node {
    const [q, ...others] = node.inputs as [Node, ...Node[]];
    return this.remake(node, [this.quantize(q, MX_BLOCK), ...others]);
  }

  /** Rows of attention only: a state that a step replaces is no operand of the matrix unit. */
  private state(node: NodeOf<'state'>): Node | undefined {
    if (isReplaced(node.type) && !this.windows.has(node.attrs.name)) return undefined;
    const width = wholeBlocks(lastDim(node.type));
    const type = tensor(this.activation, withLast(node.type.shape, width));
    return makeNode('state', [], { ...node.attrs, type }, node.label);
  }

  private append(node: NodeOf<'append'>): Node {
    const [state, rows, position] = node.inputs as [Node, Node, Node];
    const valueWidth = this.valueWidths.get(stateName(node));
    return this.remake(node, [state, this.quantizeRows(rows, valueWidth), position]);
  }

  /** Rows of a state: one scale for the channels used as values, one a block for the rest. */
  private quantizeRows(rows: Node, valueWidth: number | undefined): Node {
    if (valueWidth === undefined || valueWidth === lastDim(rows.type)) {
      return this.quantize(rows, wholeBlocks(valueWidth ?? MX_BLOCK));
    }
    const [values, ...rest] = rows.op === 'concat' ? rows.inputs : [];
    if (lastDim(values?.type ?? rows.type) !== valueWidth || valueWidth % MX_BLOCK > 0) {
      throw new UnsupportedError(
        `rows used as keys and values must be concat(values, rest) with ${valueWidth} value channels in whole blocks`,
        { where: rows.label },
      );
    }
    const parts = [
      this.quantize(values!, valueWidth),
      ...rest.map((part) => this.quantize(part, MX_BLOCK)),
    ];
    return makeNode('concat', parts, {}, rows.label);
  }

  /** quantize(concat(a, b)) = concat(quantize(a), quantize(b)) when no group straddles the parts. */
  private quantize(x: Node, group: number): Node {
    if (group === MX_BLOCK && isOfBlocks(x)) {
      return makeNode(
        'concat',
        x.inputs.map((part) => this.quantize(part, group)),
        {},
        x.label,
      );
    }
    return quantized(x, { format: this.activation, group });
  }

  private remake(node: Node, inputs: readonly Node[]): Node {
    return makeNode(node.op, inputs, node.attrs, node.label);
  }
}

/** A concat of whole blocks, each written to one place. */
function isOfBlocks({ op, inputs }: Node): boolean {
  if (op !== 'concat' || new Set(inputs).size < inputs.length) return false;
  return inputs.every((part) => lastDim(part.type) % MX_BLOCK === 0);
}

function quantizeWeight(weight: Node, format: MxFormat): Node {
  return quantized(weight, { format, group: MX_BLOCK, search: true });
}

/** Throws UnsupportedError for operands that a model brings in a format of its own. */
function quantized(x: Node, attrs: NodeOf<'quantize'>['attrs']): Node {
  if (x.type.dtype !== 'f32') {
    throw new UnsupportedError(
      `operands of the matrix unit must be f32 before any pass, not ${typeToString(x.type)}`,
      { where: x.label, hint: 'use --target cpu or --target reference' },
    );
  }
  return makeNode('quantize', [x], attrs, x.label);
}

function stateName(append: Node): string {
  const [state] = append.inputs;
  return state?.op === 'state' ? state.attrs.name : '';
}

function weightName(linear: Node): string {
  const weight = linear.inputs[1];
  return weight?.op === 'weight' ? weight.attrs.name : '';
}

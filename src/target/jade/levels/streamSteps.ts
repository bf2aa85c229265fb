/** The vector instructions of residual streams and memory by n-gram (schedule/streams.ts), as numbers. */
import { lastDim, type Node } from '../../../ir/index.ts';
import { NONE, SCORINGS } from '../isa.table.ts';
import { headsOf } from '../schedule/placement.ts';
import { compressSteps } from './entrySteps.ts';
import { recurrenceSteps } from './recurrenceSteps.ts';
import { repeated, type RepeatedStep } from './repeatedSteps.ts';

/** The instructions of one operator for `rows` tokens; undefined for one that is not of these. */
export function streamSteps(node: Node, rows: number): RepeatedStep[] | undefined {
  switch (node.op) {
    case 'mixHeads': {
      const terms = headsOf(node.inputs[1]!);
      return [repeated('mix', lastDim(node.type), rows, headsOf(node), { terms })];
    }
    case 'dot': {
      const [all, width] = [rows * headsOf(node), lastDim(node.inputs[0]!.type)];
      return [repeated('mul', width, all), repeated('sum', width, all)];
    }
    case 'nGramGate':
      return gateSteps(lastDim(node.inputs[0]!.type), lastDim(node.type), rows);
    case 'hyperConnection':
      return coefficientSteps(node.attrs, lastDim(node.type), rows);
    case 'routeByToken':
      return givenSteps(node.attrs.scoring, node.attrs.normalize, node, rows);
    case 'causalConvolution':
    case 'gatedDelta':
    case 'layerNormalization':
      return recurrenceSteps(node, rows);
    case 'compress':
      return compressSteps(node, rows);
    case 'ngramRows': // the host's work
      return [];
    default:
      return undefined;
  }
}

function gateSteps(width: number, streams: number, rows: number): RepeatedStep[] {
  return [
    repeated('rms', width, rows, 2 * streams),
    repeated('mul', width, rows, streams),
    repeated('sum', width, rows, streams),
    repeated('signedRoot', streams, rows),
    repeated('sigmoid', streams, rows),
  ];
}

function coefficientSteps(
  { streams: n, iterations }: { readonly streams: number; readonly iterations: number },
  width: number,
  rows: number,
): RepeatedStep[] {
  const parts = width > n ? 3 : 1;
  const gates = [
    repeated('scale', width / parts, rows, parts),
    repeated('add', width, rows),
    repeated('sigmoid', width > n ? 2 * n : n, rows),
    repeated('add', n, rows, width > n ? 2 : 1),
  ];
  if (width === n) return gates;
  const turns = iterations - 1;
  return [
    ...gates,
    repeated('copy', (n + 1) ** 2, rows),
    repeated('softmax', n, rows * n, 1, { b: NONE }),
    repeated('add', n, rows * n),
    repeated('mix', n, rows, iterations, { terms: n + 1 }),
    repeated('div', n, rows * n, iterations),
    repeated('sum', n + 1, rows * n, turns),
    repeated('div', n, rows, turns),
    repeated('scale', n, rows * n, turns),
    repeated('copy', 1, rows * n, n),
  ];
}

/** A row of biases is widened for each token; the route keeps as many experts as its table gives. */
function givenSteps(
  scoring: (typeof SCORINGS)[number],
  normalize: boolean,
  { type, inputs }: Node,
  rows: number,
): RepeatedStep[] {
  const experts = lastDim(type);
  const choice = { topK: lastDim(inputs[2]!.type), groups: 1, topGroups: 1, groupByBest: 0, b: 0 };
  const fields = { ...choice, normalize: Number(normalize), scoring: SCORINGS.indexOf(scoring) };
  return [repeated('copy', experts, rows), repeated('route', experts, rows, 1, fields)];
}

/** How ops become steps that compare rows, as gates of tables by n-gram, and round values to few bits. */
import { FAKE_FORMATS, lastDim, LEAST_AGREEMENT, type NodeOf } from '../../ir/index.ts';
import { FEW_BITS } from './kernels/kernels.table.ts';
import { allocateFor, type Inputs, type Place } from './lowering.ts';
import { type StepList } from './steps.ts';

export function signedRoot(list: StepList, node: NodeOf<'signedRoot'>, [x]: Inputs): Place {
  const out = allocateFor(list, node);
  const { smallest } = node.attrs;
  list.add('signedRoot', node.label, { x, out, size: list.sizeOf(node.type), smallest });
  return out;
}

export function dot(list: StepList, node: NodeOf<'dot'>, [a, b]: Inputs): Place {
  const out = allocateFor(list, node);
  const sizes = { rows: list.rowsOf(node.type), D: lastDim(node.inputs[0]!.type) };
  list.add('dot', node.label, { a, b, out, ...sizes });
  return out;
}

export function nGramGate(
  list: StepList,
  node: NodeOf<'nGramGate'>,
  [x, keys, w, v]: Inputs,
): Place {
  const out = allocateFor(list, node);
  const sizes = {
    rows: list.rowsOf(node.type),
    n: lastDim(node.type),
    D: lastDim(node.inputs[0]!.type),
  };
  const { epsilon } = node.attrs;
  const rules = { epsilon, smallest: LEAST_AGREEMENT };
  list.add('nGramGate', node.label, { x, keys, w, v, out, ...sizes, ...rules });
  return out;
}

export function fakeQuantize(list: StepList, node: NodeOf<'fakeQuantize'>, [x]: Inputs): Place {
  const out = allocateFor(list, node);
  const { format, group, scale } = node.attrs;
  const { largest, least } = FAKE_FORMATS[format];
  list.add('fakeQuantize', node.label, {
    x,
    out,
    groups: list.sizeOf(node.type) / group,
    size: group,
    largest,
    ...FEW_BITS[format],
    least: least[scale],
    roundedScale: Number(scale === 'e4m3'),
  });
  return out;
}

/** How ops become steps of tables by n-gram: rows by hash, gates by how well rows agree; and values of few bits. */
import { FAKE_FORMATS, lastDim, LEAST_AGREEMENT, type NodeOf } from '../../ir/index.ts';
import { FEW_BITS } from './kernels/kernels.table.ts';
import { allocateFor, shift, type Inputs, type Place } from './lowering.ts';
import type { StepList } from './steps.ts';

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

/** Ids, then a hash for each token that takes one more id in at a time, and rows of it for each part. */
export function ngramRows(
  list: StepList,
  node: NodeOf<'ngramRows'>,
  [state, tokens, positions, given]: Inputs,
): Place {
  const { multipliers, moduli, padding, endsText = false } = node.attrs;
  const [B, T, parts] = list.shapeOf(node.type) as [number, number, number];
  const past = lastDim(node.inputs[0]!.type);
  const classes = given ?? 0;
  const ids = list.allocate(`${node.label} ids`, B * (past + T));
  const hashes = list.allocate(`${node.label} hashes`, 2 * B * T); // of 64 bits
  const out = allocateFor(list, node);
  const sizes = { B, T, past, padding };
  list.add('ngramIds', node.label, { state, tokens, classes, positions, ids, ...sizes });
  const add = (back: number): void => {
    const [high, low] = multipliers.slice(2 * back) as [number, number];
    const rules = { back, high, low, endsText: Number(endsText) };
    list.add('ngramHashes', node.label, { ids, classes, hashes, ...sizes, ...rules });
  };
  add(0);
  let first = 0;
  for (const [part, modulus] of moduli.entries()) {
    if (part % (parts / past) === 0) add(1 + part / (parts / past));
    const to = { out: shift(out, part), outStride: parts, rows: B * T };
    list.add('ngramRows', node.label, { hashes, ...to, modulus, first });
    first += modulus;
  }
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

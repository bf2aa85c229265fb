/** What the CPU runs: every op, in f32. */
import type { Support } from '../../compile/index.ts';
import { isMx, type Node, type NodeOf } from '../../ir/index.ts';

/** Whether the node and its inputs are in f32 (or i32, for indices), and no index leaves its table. */
export function supportsNode(node: Node): Support {
  const { op, inputs, type } = node;
  if (op === 'routeByToken' && inputs[2]!.op !== 'weight') {
    return { ok: false, reason: 'the experts of each token must be a weight, which is checked' };
  }
  if (op === 'embedding' && inputs[0]!.op === 'ngramRows') return supportsTable(node);
  if (op === 'ngramRows' && !hasClass(node)) {
    return { ok: false, reason: `the padding must have a class, not be ${node.attrs.padding}` };
  }
  const dtype = [type, ...inputs.map((input) => input.type)].map((t) => t.dtype).find(isMx);
  if (dtype === undefined) return { ok: true };
  return {
    ok: false,
    reason: `the cpu computes in f32 and has no ${dtype}; leave out the passes that quantise`,
  };
}

/** Hashed rows are below the sum of the rows of all parts. */
function supportsTable({ inputs: [rows, table] }: NodeOf<'embedding'>): Support {
  const { moduli } = (rows as NodeOf<'ngramRows'>).attrs;
  const [required, has] = [moduli.reduce((sum, count) => sum + count, 0), table!.type.shape[0]];
  if ((has as number) >= required) return { ok: true };
  return { ok: false, reason: `a table of n-grams must have ${required} rows, not ${has}` };
}

function hasClass({ inputs, attrs: { padding } }: NodeOf<'ngramRows'>): boolean {
  return inputs.length < 4 || padding < (inputs[3]!.type.shape[0] as number);
}

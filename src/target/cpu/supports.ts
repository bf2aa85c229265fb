/** What the CPU runs: every op that has a kernel, in f32. */
import { type Support } from '../../compile/index.ts';
import { isMx, type Node, type Op } from '../../ir/index.ts';

const NO_KERNEL: ReadonlySet<Op> = new Set<Op>(['ngramRows', 'classedNGramRows']);

/** Whether there is a kernel, and the node and its inputs are in f32 (or i32, for indices). */
export function supportsNode(node: Node): Support {
  const { op, inputs, type } = node;
  if (NO_KERNEL.has(op)) return { ok: false, reason: `the cpu has no kernel for ${op}` };
  if (op === 'routeByToken' && inputs[2]!.op !== 'weight') {
    return { ok: false, reason: 'the experts of each token must be a weight, which is checked' };
  }
  const dtype = [type, ...inputs.map((input) => input.type)].map((t) => t.dtype).find(isMx);
  if (dtype === undefined) return { ok: true };
  return {
    ok: false,
    reason: `the cpu computes in f32 and has no ${dtype}; leave out the passes that quantise`,
  };
}

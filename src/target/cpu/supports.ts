/** What the CPU runs: every op that has a kernel, in f32. */
import { type Support } from '../../compile/index.ts';
import { isMx, sameType, type Node, type Op } from '../../ir/index.ts';

const NO_KERNEL: ReadonlySet<Op> = new Set<Op>([
  'sigmoid',
  'softplus',
  'l2Normalization',
  'layerNormalization',
  'topRows',
  'causalConvolution',
  'gatedDelta',
]);

/** Whether there is a kernel, and the node and its inputs are in f32 (or i32, for indices). */
export function supportsNode({ op, inputs, type }: Node): Support {
  if (NO_KERNEL.has(op)) return { ok: false, reason: `the cpu has no kernel for ${op}` };
  if (op === 'attention' && inputs.length === 5) {
    return { ok: false, reason: 'the cpu has no kernel for attention to chosen rows' };
  }
  if ((op === 'add' || op === 'mul') && !sameType(inputs[0]!.type, inputs[1]!.type)) {
    return { ok: false, reason: `the cpu has no kernel for ${op} of operands of two types` };
  }
  const dtype = [type, ...inputs.map((input) => input.type)].map((t) => t.dtype).find(isMx);
  if (dtype === undefined) return { ok: true };
  return {
    ok: false,
    reason: `the cpu computes in f32 and has no ${dtype}; leave out the passes that quantise`,
  };
}

/** What the CPU runs: every op, in f32. */
import { type Support } from '../../compile/index.ts';
import { isMx, type Node } from '../../ir/index.ts';

/** Whether the node and its inputs are in f32 (or i32, for indices). */
export function supportsNode({ op, attrs, inputs, type }: Node): Support {
  if (op === 'gatedDelta' && attrs.chunk > 1) {
    return { ok: false, reason: 'the cpu has the delta rule token by token, not in chunks' };
  }
  const dtype = [type, ...inputs.map((input) => input.type)].map((t) => t.dtype).find(isMx);
  if (dtype === undefined) return { ok: true };
  return {
    ok: false,
    reason: `the cpu computes in f32 and has no ${dtype}; leave out the passes that quantise`,
  };
}

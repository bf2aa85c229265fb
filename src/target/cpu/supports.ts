/** What the CPU runs: every op that has a kernel, in f32. */
import { type Support } from '../../compile/index.ts';
import { isMx, type Node, type Op } from '../../ir/index.ts';

const NO_KERNEL: ReadonlySet<Op> = new Set<Op>([
  'blockMeans',
  'blockRows',
  'signedRoot',
  'dot',
  'ngramRows',
  'topBlocks',
  'nGramGate',
  'fakeQuantize',
]);

/** Variants of ops that have a kernel, without one of their own. */
function variantOf({ op, inputs, attrs }: Node): string | undefined {
  if (op === 'gatedDelta' && attrs.chunk > 1) return 'the delta rule in chunks';
  if (op === 'rotaryEmbedding' && inputs.length === 1) return 'rotation of rows of a state';
  if (op === 'embedding' && inputs[0]!.type.shape.length > 2)
    return 'several rows of a table a token';
  if (op === 'causalConvolution' && attrs.dilation !== undefined)
    return 'a convolution of tokens apart';
  if (op === 'topRows' && inputs.length === 3) return 'topRows without weights';
  if (op === 'topRows' && inputs.length === 5) return 'topRows within blocks';
  if (op === 'compress' && inputs.length === 3) return 'compress without a bias';
  return undefined;
}

/** Whether there is a kernel, and the node and its inputs are in f32 (or i32, for indices). */
export function supportsNode(node: Node): Support {
  const { op, inputs, type } = node;
  const missing = NO_KERNEL.has(op) ? op : variantOf(node);
  if (missing !== undefined) return { ok: false, reason: `the cpu has no kernel for ${missing}` };
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

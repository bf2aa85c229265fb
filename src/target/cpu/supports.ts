/** What the CPU runs: every op that has a kernel, in f32. */
import { type Support } from '../../compile/index.ts';
import { isMx, type Node, type Op } from '../../ir/index.ts';

const NO_KERNEL: ReadonlySet<Op> = new Set<Op>([
  'layerNormalization',
  'topRows',
  'topBlocks',
  'nGramRows',
  'nGramGate',
  'fakeQuantize',
  'routeByToken',
  'hyperConnection',
  'mixHeads',
  'compress',
  'windowAttention',
]);

/** Variants of ops that have a kernel, without one of their own. */
function variantOf({ op, inputs, attrs }: Node): string | undefined {
  if (op === 'attention' && inputs.length === 5) return 'attention to chosen rows';
  if (op === 'gatedDelta' && attrs.chunk > 1) return 'the delta rule in chunks';
  if (op === 'rmsNormalization' && inputs.length === 1) return 'rmsNormalization without a weight';
  if (op === 'rotaryEmbedding' && attrs.offset !== undefined) return 'rotation from an offset';
  if (op === 'append' && attrs.tokensPerRow !== undefined)
    return 'append of an entry for several tokens';
  if ((op === 'swiglu' || op === 'experts') && attrs.limit !== undefined)
    return `${op} with a limit`;
  if (op === 'route' && attrs.scoring === 'sqrtSoftplus') return 'route by the root of softplus';
  return undefined;
}

/** Whether there is a kernel, and the node and its inputs are in f32 (or i32, for indices). */
export function supportsNode(node: Node): Support {
  const { op, inputs, type } = node;
  const missing = NO_KERNEL.has(op) ? op : variantOf(node);
  if (missing !== undefined) return { ok: false, reason: `the cpu has no kernel for ${missing}` };
  const dtype = [type, ...inputs.map((input) => input.type)].map((t) => t.dtype).find(isMx);
  if (dtype === undefined) return { ok: true };
  return {
    ok: false,
    reason: `the cpu computes in f32 and has no ${dtype}; leave out the passes that quantise`,
  };
}

import { makeNode, rewrite, sameType } from '../../ir/index.ts';
import type { Pass } from '../target.ts';

/** mul(silu(gate), up) → swiglu(gate, up), one pass over the data instead of two. */
export const fuseSwiglu: Pass = {
  name: 'fuseSwiglu',
  run: (graph) =>
    rewrite(graph, (node) => {
      if (node.op !== 'mul') return undefined;
      const [silu, up] = node.inputs[0]!.op === 'silu' ? node.inputs : node.inputs.toReversed();
      if (silu!.op !== 'silu' || !sameType(silu!.type, up!.type)) return undefined;
      return makeNode('swiglu', [silu!.inputs[0]!, up!], {}, node.label);
    }),
};

/**
 * Roofline: the least time a step can take on a machine, whatever the software does [1].
 *
 * Each operator takes at least bytes / bandwidth and at least MACs / peak; operators follow each
 * other, and within one, transfer and arithmetic overlap perfectly:
 *
 *   time = Σ over operators of max(bytes / bandwidth, MACs / peak)
 *
 * Counted bytes: weights once a step [2], state read and written. Not counted: activations (assumed to
 * stay on the chip), the time to start anything, links. A real system is slower, never faster.
 *
 * [1] Williams, Waterman, Patterson: Roofline, CACM 52(4), 2009, https://doi.org/10.1145/1498765.1498785
 * [2] Pope et al.: Efficiently Scaling Transformer Inference, 2022, https://arxiv.org/abs/2211.05102, section 2
 */
import { topologicalOrder, type Dims, type Graph, type Node } from '../ir/index.ts';
import { FORMAT_BYTES, type Machine } from './machine.ts';
import { workOf } from './operations.ts';

export type Limit = 'memory' | 'compute';

export interface OperatorTime {
  readonly node: Node;
  readonly macs: number;
  readonly bytes: number;
  readonly seconds: number;
  readonly limitedBy: Limit;
}

export interface Roofline {
  readonly machine: Machine;
  readonly dims: Dims;
  readonly macs: number;
  readonly weightBytes: number;
  readonly stateBytes: number;
  readonly seconds: number;
  /** B·T tokens over `seconds`. */
  readonly tokensPerSecond: number;
  /** What operators with most of the time wait for. */
  readonly limitedBy: Limit;
  /** Operators that take time, in order. */
  readonly operators: readonly OperatorTime[];
}

/** Embeddings, norms and biases keep a wide format: bf16. */
const BYTES_PER_WIDE_WEIGHT = FORMAT_BYTES.bf16;

/** The roofline of one step of `dims` on `machine`. */
export function roofline(graph: Graph, dims: Dims, machine: Machine): Roofline {
  const total = { macs: 0, weightBytes: 0, stateBytes: 0 };
  const operators = topologicalOrder(graph).flatMap((node) => {
    const work = workOf(node, dims);
    const wide = work.macs === 0;
    const weightBytes =
      work.weightElements * (wide ? BYTES_PER_WIDE_WEIGHT : machine.bytesPerWeight);
    const stateBytes = work.stateElements * machine.bytesPerStateElement;
    total.macs += work.macs;
    total.weightBytes += weightBytes;
    total.stateBytes += stateBytes;
    return work.macs + weightBytes + stateBytes > 0
      ? [operatorTime(node, work.macs, weightBytes + stateBytes, machine)]
      : [];
  });
  const seconds = operators.reduce((sum, operator) => sum + operator.seconds, 0);
  const tokensPerSecond = (dims.B * dims.T) / seconds;
  return {
    machine,
    dims,
    ...total,
    seconds,
    tokensPerSecond,
    limitedBy: mostly(operators),
    operators,
  };
}

function operatorTime(node: Node, macs: number, bytes: number, machine: Machine): OperatorTime {
  const compute = macs / machine.macsPerSecond;
  const memory = bytes / machine.bandwidthBytesPerSecond;
  const limitedBy = memory >= compute ? 'memory' : 'compute';
  return { node, macs, bytes, seconds: Math.max(compute, memory), limitedBy };
}

function mostly(operators: readonly OperatorTime[]): Limit {
  const signed = operators.map(({ seconds, limitedBy }) =>
    limitedBy === 'memory' ? seconds : -seconds,
  );
  return signed.reduce((sum, seconds) => sum + seconds, 0) >= 0 ? 'memory' : 'compute';
}

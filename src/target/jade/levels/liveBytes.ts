/** Bytes of values that are on the chip while a kernel runs: what the rings of weights leave room for. */
import type { Kernel } from '../../../compile/index.ts';
import { isMx, lastDim, type Dims, type MxFormat, type Node } from '../../../ir/index.ts';
import { mxRowBytes } from '../memoryRegions.ts';
import { headsOf } from '../schedule/placement.ts';
import type { ValueBytes } from '../schedule/regions.ts';

/** Of each kernel; `sources`: places of the kernels whose results it reads. */
export function liveBytes(
  kernels: readonly Kernel[],
  sources: readonly (readonly number[])[],
  dims: Dims,
): ValueBytes[] {
  const lastRead = kernels.map(() => -1);
  sources.forEach((places, place) => places.forEach((source) => (lastRead[source] = place)));
  const live = kernels.map((kernel) => ({ ...withinKernel(kernel, dims) }));
  kernels.forEach((kernel, place) => {
    const { result } = kernel;
    const bytes = bytesOf(result, dims);
    const region = isMx(result.type.dtype) ? 'operands' : 'tensors';
    // A sum takes the place of what it is added to when nothing reads that again.
    const first =
      result.op === 'add' && sources[place]!.some((source) => isReplaced(source)) ? 1 : 0;
    for (let at = place + first; at <= lastRead[place]!; at++) live[at]![region] += bytes;

    function isReplaced(source: number): boolean {
      return lastRead[source] === place && result.inputs.includes(kernels[source]!.result);
    }
  });
  return live;
}

/** What nothing after the kernel reads: rows as they were looked up, rows for the state, hidden rows of experts. */
function withinKernel({ anchors: [anchor], result }: Kernel, dims: Dims): ValueBytes {
  const { op, inputs, type } = anchor!;
  let operands = 0;
  if (op === 'embedding') operands = rowsOf(anchor!, dims) * headsOf(anchor!) * lastDim(type) * 2;
  if (result.op === 'append') operands = bytesOf(result.inputs[1]!, dims);
  if (op === 'experts') {
    const [x, , gate] = inputs as [Node, Node, Node];
    const width = gate.type.shape[1] as number;
    // Those of one expert beside the next one's.
    operands = 2 * rowsOf(x, dims) * mxRowBytes(width, x.type.dtype as MxFormat);
  }
  return { operands, tensors: 0 };
}

/** 0 for numbers that lie in the control memory. */
function bytesOf(node: Node, dims: Dims): number {
  const { dtype } = node.type;
  if (!isMx(dtype) && dtype !== 'f32') return 0;
  const width = lastDim(node.type);
  const rowBytes = isMx(dtype) ? mxRowBytes(width, dtype) : width * 4;
  return rowsOf(node, dims) * headsOf(node) * rowBytes;
}

/** Of a value: one for each token, or of each sequence's last. */
export function rowsOf(node: Node, { B, T }: Dims): number {
  return node.type.shape[1] === 1 ? B : B * T;
}

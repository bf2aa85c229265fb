/** What kernels pass through the rings of weights and of context, which are shared out by their largest buffer. */
import type { Chip } from '../../../chip/index.ts';
import { MX_BLOCK, wholeBlocks } from '../../../ir/index.ts';
import type { LargestBuffers, ValueBytes } from '../schedule/regions.ts';
import { rowsOfPiece } from '../schedule/stateRows.ts';
import { tileOf } from '../tiles.ts';
import type { KernelShape } from './kernelShapes.ts';

/** Bytes of the largest buffers of all kernels. */
export function largestBuffers(shapes: readonly KernelShape[], chip: Chip): LargestBuffers {
  let stream = 0;
  let context = 0;
  for (let i = 0; i < shapes.length; i++) {
    const shape = shapes[i]!;
    if (shape.kind === 'linear')
      stream = Math.max(stream, tileBytes(shape.outputs, shape.inputs, shape.blockBytes, chip));
    else context = Math.max(context, contextBytes(shape, chip));
  }
  return { stream, context };
}

/** The most bytes of values that live together. */
export function mostValues(shapes: readonly KernelShape[]): ValueBytes {
  const most = { operands: 0, tensors: 0 };
  for (const { values } of shapes) {
    if (values === undefined) continue;
    most.operands = Math.max(most.operands, values.operands);
    most.tensors = Math.max(most.tensors, values.tensors);
  }
  return most;
}

/** 0 for a kernel that has none of it. */
function contextBytes(shape: KernelShape, chip: Chip): number {
  switch (shape.kind) {
    case 'experts': {
      const { width, inputs, blockBytes } = shape;
      const hidden = tileBytes(width, inputs, blockBytes, chip);
      return Math.max(hidden, tileBytes(inputs, width, blockBytes, chip));
    }
    case 'attention':
    case 'indexer': {
      const { context, rowBytes } = shape;
      return Math.min(context, rowsOfPiece(chip, rowBytes)) * rowBytes;
    }
    case 'window':
      return (wholeBlocks(shape.mask.width) + shape.tokens) * shape.rowBytes;
    default:
      return 0;
  }
}

function tileBytes(rows: number, columns: number, blockBytes: number, chip: Chip): number {
  const { tileRows, tileColumns } = tileOf(rows, columns, chip);
  return tileRows * (tileColumns / MX_BLOCK) * blockBytes;
}

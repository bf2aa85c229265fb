/**
 * What no chip gets around in a kernel: bytes that come from memory, multiply-accumulates, and slots of
 * vector lanes. Divided by the rates of a chip they bound the closed form from below, without starts,
 * ends, whole tiles or waiting.
 */
import type { Chip } from '../../../chip/index.ts';
import { MX_BLOCK } from '../../../ir/index.ts';
import type { VectorForm } from '../vector/cycles.ts';
import type { KernelShape } from './kernelShapes.ts';
import type { RepeatedStep } from './repeatedSteps.ts';
import type { VectorStep } from './vectorSteps.ts';

export interface LeastWork {
  readonly bytes: number;
  readonly macs: number;
  /** Cycles of one lane. */
  readonly laneCycles: number;
}

const NOTHING: LeastWork = { bytes: 0, macs: 0, laneCycles: 0 };

/** Of kernels together. */
export function leastWork(kernels: readonly KernelShape[]): LeastWork {
  return kernels.reduce((sum, kernel) => {
    const { bytes, macs, laneCycles } = leastOf(kernel);
    return {
      bytes: sum.bytes + bytes,
      macs: sum.macs + macs,
      laneCycles: sum.laneCycles + laneCycles,
    };
  }, NOTHING);
}

/** Cycles that `chip` needs for it with nothing lost. */
export function leastCycles({ bytes, macs, laneCycles }: LeastWork, chip: Chip): number {
  const { matrix, vector, memory } = chip;
  return Math.max(
    bytes / memory.bytesPerCycle,
    macs / (matrix.lanes * matrix.columns),
    laneCycles / vector.lanes,
  );
}

function leastOf(shape: KernelShape): LeastWork {
  switch (shape.kind) {
    case 'linear': {
      const weights = shape.outputs * shape.inputs * shape.planes * shape.weights;
      return {
        bytes: (weights / MX_BLOCK) * shape.blockBytes,
        macs: shape.rows * weights,
        laneCycles: shape.planes * stepsOn(shape.steps, shape.rows, shape.outputs),
      };
    }
    case 'rows':
      return {
        ...NOTHING,
        laneCycles: shape.steps.reduce(
          (sum, step) => sum + stepOn(step, shape.rows, step.width),
          0,
        ),
      };
    case 'composed':
      return { ...NOTHING, bytes: 2 * shape.stateBytes, laneCycles: repeatedOn(shape.steps) };
    case 'embedding': {
      const { rows, width, copy } = shape;
      return { ...NOTHING, bytes: rows * width * 2, laneCycles: stepOn(copy, rows, width) };
    }
    case 'attention':
    case 'indexer':
    case 'window':
      return leastOfContext(shape);
    case 'experts': {
      const { inputs, width, blockBytes, loads } = shape;
      const weights = 3 * inputs * width;
      const touched = loads.reduce((sum, { experts }) => sum + experts, 0);
      const rows = loads.reduce((sum, each) => sum + each.experts * each.rows, 0);
      return {
        bytes: ((touched * weights) / MX_BLOCK) * blockBytes,
        macs: rows * weights,
        laneCycles: stepOn(shape.swiglu, rows, width),
      };
    }
  }
}

type ContextShape = Extract<KernelShape, { readonly kind: 'attention' | 'indexer' | 'window' }>;

/** Of what reads the context; a token of a prompt sees half of the tokens beside it. */
function leastOfContext(shape: ContextShape): LeastWork {
  switch (shape.kind) {
    case 'attention': {
      const { sequences, tokens, context, heads, groups, keyWidth, valueWidth, rowBytes } = shape;
      const seen = sequences * tokens * heads * (context - tokens / 2);
      return {
        ...NOTHING,
        bytes: sequences * groups * context * rowBytes * (shape.shared ? 1 : 2),
        macs: seen * (keyWidth + valueWidth),
      };
    }
    case 'indexer': {
      const { sequences, tokens, context, heads, keyWidth, rowBytes } = shape;
      return {
        bytes: sequences * context * rowBytes,
        macs: sequences * tokens * heads * context * keyWidth,
        laneCycles: sequences * repeatedOn(shape.choice),
      };
    }
    case 'window': {
      const { sequences, tokens, columns, heads, width, rowBytes } = shape;
      return {
        bytes: sequences * (shape.loaded + tokens * shape.gathered) * rowBytes,
        macs: 2 * sequences * tokens * heads * columns * width,
        laneCycles: sequences * tokens * stepOn(shape.softmax, heads, columns),
      };
    }
  }
}

function repeatedOn(steps: readonly RepeatedStep[]): number {
  return steps.reduce(
    (sum, { step, rows, times }) => sum + times * stepOn(step, rows, step.width),
    0,
  );
}

function stepsOn(steps: readonly VectorStep[], rows: number, columns: number): number {
  return steps.reduce((sum, step) => sum + stepOn(step, rows, columns), 0);
}

/** Slots of a step on every element: its windows are at least columns / lanes. */
function stepOn({ alone, copied }: VectorStep, rows: number, columns: number): number {
  const ways = [slotsOf(alone)];
  if (copied.length > 0) ways.push(copied.reduce((sum, form) => sum + slotsOf(form), 0));
  return rows * columns * Math.min(...ways);
}

function slotsOf({ item, once, windows }: VectorForm): number {
  if (item === 'row') return windows;
  if (item === 'group') return windows;
  return item === 'pairs' ? (once + windows) / 2 : once + windows;
}

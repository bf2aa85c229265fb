/** The vector instructions of recurrences and layer norms (schedule/recurrence.ts), as numbers. */
import { lastDim, type NodeOf } from '../../../ir/index.ts';
import { headsOf } from '../schedule/placement.ts';
import { repeated, type RepeatedStep } from './repeatedSteps.ts';

/** Recurrences work token by token on all heads of a key, whose states lie on the chip together. */
export function recurrenceSteps(
  node: NodeOf<'causalConvolution'> | NodeOf<'gatedDelta'> | NodeOf<'layerNormalization'>,
  rows: number,
): RepeatedStep[] {
  const width = lastDim(node.type);
  switch (node.op) {
    case 'causalConvolution': {
      const taps = lastDim(node.inputs[2]!.type);
      return [
        repeated('copy', width, rows),
        repeated('mul', width, rows, taps),
        repeated('add', width, rows, taps - 1),
      ];
    }
    case 'layerNormalization':
      return (['sum', 'copy', 'scaleAdd', 'rms', 'add'] as const).map((op) =>
        repeated(op, width, rows * headsOf(node)),
      );
    case 'gatedDelta':
      return deltaSteps(node, rows);
  }
}

function deltaSteps({ type, inputs }: NodeOf<'gatedDelta'>, rows: number): RepeatedStep[] {
  const [G, K] = inputs[2]!.type.shape.slice(2) as [number, number];
  const [H, V] = type.shape.slice(2) as [number, number];
  const times = rows * (H / G);
  return [
    repeated('scale', K, rows * G, 2),
    repeated('exp', H, rows),
    repeated('copy', V, rows * H),
    repeated('scale', V, G * K, times),
    repeated('mix', V, G, times, { terms: K, accumulate: 1 }),
    repeated('scale', V, G, times),
    repeated('scaleAdd', V, G * K, times),
    repeated('mix', V, G, times, { terms: K, accumulate: 0 }),
  ];
}

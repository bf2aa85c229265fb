/** Gives tile instructions their addresses: buffers become bytes on the chip. */
import type { BufferPlan } from '../../../compile/index.ts';
import type { TileInstruction } from '../schedule/tiles.ts';
import type { LabelledInstruction } from './program.ts';

export function resolveAddresses(
  instructions: readonly TileInstruction[],
  plan: BufferPlan,
): LabelledInstruction[] {
  return instructions.map(({ op, fields, label }) => {
    const resolved: Record<string, number> = {};
    for (const [name, operand] of Object.entries(fields)) {
      resolved[name] =
        typeof operand === 'number' ? operand : plan.get(operand.buffer)! + operand.offset;
    }
    return { instruction: { op, fields: resolved, wait: 0, signal: 0 }, label };
  });
}

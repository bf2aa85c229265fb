/** Calls that take from memory what calls behind them need, each time these run. */
import { CeladonError } from '../../../base/index.ts';
import { FRESH, POSITION } from './guards.ts';
import type { Machine, NativeCall } from './machine.ts';
import { ELEMENT_BYTES, type Args } from './nativeBind.ts';

/**
 * Puts the keys that token `later` of sequence `b` sees into the cell at `to`. Refuses where the tokens see keys that are not there:
 * the state has no room for them.
 */
export function seenKeys(
  machine: Machine,
  { positions, T, first, capacity }: Args<'attention'>,
  b: number,
  to: number,
  later = 0,
): NativeCall {
  const refusal = (): CeladonError =>
    new CeladonError(
      `attention must see 1 to ${capacity} keys: sequence ${b} of the step has no room for ${T} more tokens`,
    );
  const most = capacity - first - T;
  if (most < 0) throw refusal();
  return machine.prepare(
    'position',
    POSITION,
    {
      position: positionOf(machine, positions, b),
      ...{ most, more: first + later + 1, to, refused: machine.refusedAddress },
    },
    refusal,
  );
}

/** Puts 1 into the cell at `to` at the first token of sequence `b`, and 0 later. */
export function fresh(
  machine: Machine,
  { positions }: { readonly positions: number },
  b: number,
  to: number,
): NativeCall {
  return machine.prepare('fresh', FRESH, { position: positionOf(machine, positions, b), to });
}

function positionOf(machine: Machine, positions: number, b: number): number {
  return machine.address(positions + b * ELEMENT_BYTES, 1, 0, ELEMENT_BYTES);
}

/** Calls of attention of one token of each sequence. */
import { ATTEND_TOKEN, TOKEN_LIMITS } from './attendToken.ts';
import { ATTENTION_LIMITS } from './attention.ts';
import { seenKeys } from './bindGuards.ts';
import { cellOf, type Machine, type NativeCall } from './machine.ts';
import { bitsOf, ELEMENT_BYTES, type Args, type NativeCalls } from './nativeBind.ts';

/** Calls for each sequence; undefined for several tokens, for many heads of a group and for uneven widths. */
export function bindAttendToken(machine: Machine, args: Args<'attention'>): NativeCalls {
  const { B, T, G, shared, keyWidth, valueWidth } = args;
  const { widthUnit } = ATTENTION_LIMITS;
  const uneven = keyWidth % widthUnit !== 0 || valueWidth % widthUnit !== 0;
  const tooMany = shared > TOKEN_LIMITS.shared || G * shared > TOKEN_LIMITS.heads;
  if (T !== 1 || uneven || tooMany || B * G * shared * keyWidth * valueWidth === 0)
    return undefined;
  const calls: NativeCall[] = [];
  for (let b = 0; b < B; b++) {
    const call = attendSequence(machine, args, b);
    calls.push(seenKeys(machine, args, b, cellOf(call, ATTEND_TOKEN, 'seen')), call);
  }
  return calls;
}

/** The groups of sequence `b`. */
function attendSequence(machine: Machine, args: Args<'attention'>, b: number): NativeCall {
  const { G, shared, keyWidth, valueWidth, capacity, keyStep, valueStep, valueStride } = args;
  const place = (
    offset: number,
    stepOfSequence: number,
    many: number,
    step: number,
    width: number,
  ) =>
    machine.address(
      offset + b * stepOfSequence * ELEMENT_BYTES,
      ...([many, step * ELEMENT_BYTES, width * ELEMENT_BYTES] as const),
    );
  const heads = G * shared;
  const keysWidth = G * keyWidth;
  const valuesWidth = (G - 1) * valueStride + valueWidth;
  return machine.prepare('attendToken', ATTEND_TOKEN, {
    q: place(args.q, args.qStep, heads, keyWidth, keyWidth),
    keys: place(args.keys, capacity * keyStep, capacity, keyStep, keysWidth),
    keyStride: keyStep * ELEMENT_BYTES,
    keyGroup: keyWidth * ELEMENT_BYTES,
    values: place(args.values, capacity * valueStep, capacity, valueStep, valuesWidth),
    valueStride: valueStep * ELEMENT_BYTES,
    valueGroup: valueStride * ELEMENT_BYTES,
    out: place(args.out, args.outStep, heads, valueWidth, valueWidth),
    ...{ seen: 0, groups: G, shared, keyWidth, valueWidth, scale: bitsOf(args.scale) },
  });
}

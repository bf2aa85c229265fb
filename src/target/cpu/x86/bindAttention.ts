/** Calls of attention: of tokens with all heads that share keys, or where those are few, row by row. */
import { bindAttendToken } from './bindAttendToken.ts';
import { ATTENTION, ATTENTION_LIMITS } from './attention.ts';
import { ATTEND_TOKENS, ATTEND_TOKENS_LIMITS, mostRows } from './attendTokens.ts';
import { seenKeys } from './bindGuards.ts';
import { cellOf, type Machine, type NativeCall } from './machine.ts';
import { bitsOf, ELEMENT_BYTES, type Args, type NativeCalls } from './nativeBind.ts';

/** Rows from which on it is better to turn q around than the keys of each block. */
const MANY_ROWS = 8;

export function bindAttention(machine: Machine, args: Args<'attention'>): NativeCalls {
  const { B, T, G, shared, keyWidth } = args;
  if (B * T * G * shared === 0) return undefined;
  const ofOne = bindAttendToken(machine, args);
  if (ofOne) return ofOne;
  const isMany = T > 1 && T * shared >= MANY_ROWS && args.qStep >= shared * keyWidth;
  if (!fits(args, isMany ? ATTEND_TOKENS_LIMITS : ATTENTION_LIMITS)) return undefined;
  if (!isMany && Math.max(T, shared) > ATTENTION_LIMITS.rows) return undefined;
  const callsOf = isMany ? attendTokens : attendHeads;
  const calls: NativeCall[] = [];
  for (let b = 0; b < B; b++) calls.push(...callsOf(machine, args, b));
  return calls;
}

function fits(
  { keyWidth, valueWidth }: Args<'attention'>,
  limits: Readonly<Record<'keyWidth' | 'valueWidth' | 'widthUnit', number>>,
): boolean {
  const isEven = keyWidth % limits.widthUnit === 0 && valueWidth % limits.widthUnit === 0;
  return isEven && keyWidth <= limits.keyWidth && valueWidth <= limits.valueWidth;
}

/** Of sequence `b`: for each group of heads, as many tokens with as many of its heads as a call takes. */
function attendTokens(machine: Machine, args: Args<'attention'>, b: number): NativeCall[] {
  const { T, G, shared, keyWidth, valueWidth, qStep, outStep } = args;
  const most = mostRows(keyWidth, valueWidth);
  const mostHeads = Math.min(shared, most);
  const mostTokens = Math.floor(most / mostHeads);
  const calls: NativeCall[] = [];
  for (let group = 0; group < G; group++) {
    for (let first = 0; first < shared; first += mostHeads) {
      const head = group * shared + first;
      const heads = Math.min(mostHeads, shared - first);
      for (let t = 0; t < T; t += mostTokens) {
        const tokens = Math.min(mostTokens, T - t);
        const [q, out] = [
          elements(args.q, (b * T + t) * qStep + head * keyWidth, tokens, qStep, heads * keyWidth),
          elements(
            ...[args.out, (b * T + t) * outStep + head * valueWidth],
            ...([tokens, outStep, heads * valueWidth] as const),
          ),
        ];
        const cells = { ...cellsOf(machine, args, b, group, q, out), tokens, shared: heads };
        const call = machine.prepare('attendTokens', ATTEND_TOKENS, cells);
        const seen = cellOf(call, ATTEND_TOKENS, 'seen');
        calls.push(seenKeys(machine, args, b, seen, t), call);
      }
    }
  }
  return calls;
}

/** Of sequence `b`: the tokens of a head, or of a single token the heads that share keys. */
function attendHeads(machine: Machine, args: Args<'attention'>, b: number): NativeCall[] {
  const { T, G, shared, keyWidth, valueWidth } = args;
  const rowStep = T > 1 ? 1 : 0;
  const rows = rowStep ? T : shared;
  const [qStep, outStep] = rowStep ? [args.qStep, args.outStep] : [keyWidth, valueWidth];
  const calls: NativeCall[] = [];
  for (let head = 0; head < G * shared; head += rowStep ? 1 : shared) {
    const group = Math.floor(head / shared);
    const q = elements(args.q, b * T * args.qStep + head * keyWidth, rows, qStep, keyWidth);
    const start = b * T * args.outStep + head * valueWidth;
    const out = elements(args.out, start, rows, outStep, valueWidth);
    const cells = { ...cellsOf(machine, args, b, group, q, out), rows, rowStep };
    const call = machine.prepare('attention', ATTENTION, cells);
    calls.push(seenKeys(machine, args, b, cellOf(call, ATTENTION, 'seen')), call);
  }
  return calls;
}

/** Rows of elements in the memory, as `Machine.address` takes them. */
type Rows = readonly [offset: number, rows: number, strideBytes: number, bytes: number];

function elements(
  ...[offset, start, rows, step, width]: readonly [number, number, number, number, number]
): Rows {
  return [offset + start * ELEMENT_BYTES, rows, step * ELEMENT_BYTES, width * ELEMENT_BYTES];
}

/** Cells of both kernels: rows of q and out, keys and values of a group; keys that are seen are set in each run. */
function cellsOf(
  machine: Machine,
  args: Args<'attention'>,
  b: number,
  group: number,
  q: Rows,
  out: Rows,
) {
  const { capacity, keyWidth, valueWidth, keyStep, valueStep } = args;
  const key = b * capacity * keyStep + group * keyWidth;
  const value = b * capacity * valueStep + group * args.valueStride;
  return {
    ...{ q: machine.address(...q), qStride: q[2] },
    keys: machine.address(...elements(args.keys, key, capacity, keyStep, keyWidth)),
    keyStride: keyStep * ELEMENT_BYTES,
    values: machine.address(...elements(args.values, value, capacity, valueStep, valueWidth)),
    valueStride: valueStep * ELEMENT_BYTES,
    ...{ out: machine.address(...out), outStride: out[2] },
    ...{ seen: 0, keyWidth, valueWidth, scale: bitsOf(args.scale) },
  };
}

/** Calls of kernels whose state a step replaces. */
import { CONVOLUTION, CONVOLUTION_CHANNELS, TAPS } from './convolution.ts';
import { DELTA_COLUMNS, GATED_DELTA } from './gatedDelta.ts';
import { fresh } from './bindGuards.ts';
import { cellOf, type Machine, type NativeCall } from './machine.ts';
import { bitsOf, ELEMENT_BYTES, type Args, type NativeCalls } from './nativeBind.ts';

export function bindGatedDelta(machine: Machine, args: Args<'gatedDelta'>): NativeCalls {
  const { B, T, G, H, K, V, first, heads } = args;
  if (B * T * G * H * K * V * heads === 0 || V % DELTA_COLUMNS !== 0) return undefined;
  const calls: NativeCall[] = [];
  for (let b = 0; b < B; b++) {
    for (let head = first; head < first + heads; head++) {
      const call = stepHead(machine, args, b, head);
      calls.push(fresh(machine, args, b, cellOf(call, GATED_DELTA, 'fresh')), call);
    }
  }
  return calls;
}

function stepHead(machine: Machine, args: Args<'gatedDelta'>, b: number, head: number) {
  const { T, G, H, K, V } = args;
  const group = Math.floor((head * G) / H);
  const rows = (offset: number, elements: number, count: number, step: number, width: number) =>
    machine.address(
      offset + elements * ELEMENT_BYTES,
      ...([count, step * ELEMENT_BYTES, width * ELEMENT_BYTES] as const),
    );
  const key = (b * T * G + group) * K;
  const gate = b * T * H + head;
  return machine.prepare('gatedDelta', GATED_DELTA, {
    state: rows(args.state, (b * H + head) * K * V, K, V, V),
    ...{ q: rows(args.q, key, T, G * K, K), k: rows(args.k, key, T, G * K, K) },
    keyStride: G * K * ELEMENT_BYTES,
    ...{ v: rows(args.v, gate * V, T, H * V, V), out: rows(args.out, gate * V, T, H * V, V) },
    valueStride: H * V * ELEMENT_BYTES,
    ...{ decay: rows(args.decay, gate, T, H, 1), beta: rows(args.beta, gate, T, H, 1) },
    gateStride: H * ELEMENT_BYTES,
    ...{ tokens: T, K, V, fresh: 0, scale: bitsOf(args.scale) },
  });
}

/** In machine code of four taps that follow each other. */
export function bindConvolution(machine: Machine, args: Args<'causalConvolution'>): NativeCalls {
  const { B, T, C, W, dilation, channels } = args;
  if (B * T * channels === 0 || channels > C || channels % CONVOLUTION_CHANNELS !== 0)
    return undefined;
  if (W !== TAPS || dilation !== 1) return undefined;
  const rowStride = C * ELEMENT_BYTES;
  const rows = (offset: number, first: number, count: number): number =>
    machine.address(offset + first * rowStride, count, rowStride, channels * ELEMENT_BYTES);
  const calls: NativeCall[] = [];
  for (let b = 0; b < B; b++) {
    const call = machine.prepare('causalConvolution', CONVOLUTION, {
      state: rows(args.state, b * (TAPS - 1), TAPS - 1),
      ...{ x: rows(args.x, b * T, T), out: rows(args.out, b * T, T), rowStride },
      w: machine.address(args.w, 1, 0, channels * TAPS * ELEMENT_BYTES),
      ...{ tokens: T, vectors: channels / CONVOLUTION_CHANNELS, fresh: 0 },
    });
    calls.push(fresh(machine, args, b, cellOf(call, CONVOLUTION, 'fresh')), call);
  }
  return calls;
}

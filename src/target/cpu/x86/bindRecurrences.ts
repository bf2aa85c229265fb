/** Calls of kernels whose state a step replaces. */
import { CONVOLUTION, CONVOLUTION_CHANNELS, TAPS } from './convolution.ts';
import { DELTA_COLUMNS, GATED_DELTA } from './gatedDelta.ts';
import { type Machine, type PreparedCall } from './machine.ts';
import { bitsOf, ELEMENT_BYTES, type Args } from './nativeBind.ts';

/** Calls of a sequence, which start from zeros at its first token; at the place of its position. */
interface OfSequence<N extends string> {
  readonly position: number;
  readonly calls: readonly PreparedCall<N | 'fresh'>[];
}

export function bindGatedDelta(
  machine: Machine,
  args: Args<'gatedDelta'>,
): (() => void) | undefined {
  const { B, T, G, H, K, V, first, heads, positions } = args;
  if (B * T * G * H * K * V * heads === 0 || V % DELTA_COLUMNS !== 0) return undefined;
  const sequences = Array.from({ length: B }, (_, b) => ({
    position: machine.address(positions + b * ELEMENT_BYTES, 1, 0, ELEMENT_BYTES) - machine.base,
    calls: Array.from({ length: heads }, (__, i) => stepHead(machine, args, b, first + i)),
  }));
  return () => runSequences(machine, sequences);
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
export function bindConvolution(
  machine: Machine,
  args: Args<'causalConvolution'>,
): (() => void) | undefined {
  const { B, T, C, W, dilation, channels, positions } = args;
  if (B * T * channels === 0 || channels > C || channels % CONVOLUTION_CHANNELS !== 0)
    return undefined;
  if (W !== TAPS || dilation !== 1) return undefined;
  const rowStride = C * ELEMENT_BYTES;
  const rows = (offset: number, first: number, count: number): number =>
    machine.address(offset + first * rowStride, count, rowStride, channels * ELEMENT_BYTES);
  const sequences = Array.from({ length: B }, (_, b) => ({
    position: machine.address(positions + b * ELEMENT_BYTES, 1, 0, ELEMENT_BYTES) - machine.base,
    calls: [
      machine.prepare('causalConvolution', CONVOLUTION, {
        state: rows(args.state, b * (TAPS - 1), TAPS - 1),
        ...{ x: rows(args.x, b * T, T), out: rows(args.out, b * T, T), rowStride },
        w: machine.address(args.w, 1, 0, channels * TAPS * ELEMENT_BYTES),
        ...{ tokens: T, vectors: channels / CONVOLUTION_CHANNELS, fresh: 0 },
      }),
    ],
  }));
  return () => runSequences(machine, sequences);
}

function runSequences<N extends string>(
  machine: Machine,
  sequences: readonly OfSequence<N>[],
): void {
  for (const { position, calls } of sequences) {
    const fresh = Number(machine.integer(position) === 0);
    for (const call of calls) {
      call.set('fresh', fresh);
      call.run();
    }
  }
}

/** Entries of compressed context: docs/numerics.md, section 4. */
import type { PoolRequest } from '../../../ir/index.ts';
import { exp, reciprocal } from './functions.ts';
import { larger } from './reduce.ts';

const { fround } = Math;

/**
 * Each channel by itself: the tokens' gates and biases added, less their largest, to powers; their sum and that
 * of the values times them, ascending from +0; divided. Tokens before the first count as gates of −Inf.
 */
export function pool(request: PoolRequest, out: Float32Array): void {
  const { K, overlap, bias } = request;
  const width = overlap ? 2 * K : K;
  const ratio = bias.length / width;
  const terms = overlap ? 2 * ratio : ratio;
  for (let k = 0; k < K; k++) {
    const gates = Array.from({ length: terms }, (_, j) => gateOf(request, j, ratio, k));
    const largest = gates.reduce((most, gate) => larger(most, gate));
    let [total, sum] = [0, 0];
    for (const [j, gate] of gates.entries()) {
      const power = exp(fround(gate + fround(-largest)));
      total = fround(total + power);
      sum = fround(sum + fround(power * valueOf(request, j, ratio, k)));
    }
    out[k] = 0 + fround(sum * reciprocal(total));
  }
}

/** Channel k of token j: that of the first half in the window before, and of the second in the last. */
function channelOf({ K, overlap }: PoolRequest, j: number, ratio: number, k: number): number {
  return overlap && j >= ratio ? K + k : k;
}

function valueOf(request: PoolRequest, j: number, ratio: number, k: number): number {
  const width = request.overlap ? 2 * request.K : request.K;
  return request.rows[j * 2 * width + channelOf(request, j, ratio, k)]!;
}

function gateOf(request: PoolRequest, j: number, ratio: number, k: number): number {
  const { rows, bias, K, overlap, first } = request;
  if (overlap && first && j < ratio) return -Infinity;
  const width = overlap ? 2 * K : K;
  const channel = channelOf(request, j, ratio, k);
  return fround(rows[j * 2 * width + width + channel]! + bias[(j % ratio) * width + channel]!);
}

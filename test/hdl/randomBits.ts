/** Random widths and values for tests of hardware, with the cases that break things more often. */
import type { Random } from '../../src/base/index.ts';

/** Around the borders of a word, of two and of the exact numbers. */
const BORDERS = [1, 2, 8, 31, 32, 33, 52, 53, 54, 63, 64, 65, 95, 96, 97, 128];

export function pick<T>(random: Random, from: readonly T[]): T {
  return from[random.int(from.length)];
}

/** A width up to `most`; half of them at a border. */
export function randomWidth(random: Random, most = 200): number {
  const border = pick(random, BORDERS);
  return border <= most && random.int(2) > 0 ? border : 1 + random.int(most);
}

/** An unsigned value; one of four is an extreme, one of four small. */
export function randomValue(random: Random, width: number): bigint {
  const sign = 1n << BigInt(width - 1);
  const kind = random.int(8);
  if (kind < 2) return pick(random, [0n, BigInt.asUintN(width, -1n), sign, sign - 1n]);
  if (kind < 4) return BigInt.asUintN(width, BigInt(random.int(256)));
  const words = Array.from({ length: Math.ceil(width / 32) }, () => BigInt(random.uint32()));
  return BigInt.asUintN(
    width,
    words.reduce((all, word) => (all << 32n) | word, 0n),
  );
}

/**
 * LEB128, the variable-length integers of WebAssembly [1, section 5.2.2].
 *
 * Seven bits a byte, least significant group first; the top bit of a byte says that more follow.
 * A signed value stops once the rest is all copies of the last group's bit 6, its sign.
 *
 * ```
 * 624485 = 0b100110_0001110_1100101  ->  e5 8e 26      -2 -> 7e      64 signed -> c0 00
 * ```
 *
 * [1] https://www.w3.org/TR/wasm-core-2/#integers
 */
import { CeladonError } from '../base/index.ts';

/** Append `value` as unsigned LEB128; throws CeladonError unless it is an integer in [0, 2^32). */
export function appendUnsigned(out: number[], value: number): void {
  if (!Number.isInteger(value) || value < 0 || value > 0xffff_ffff) {
    throw new CeladonError(`an unsigned immediate must be an integer in [0, 2^32), not ${value}`);
  }
  let rest = value;
  while (rest > 0x7f) {
    out.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  out.push(rest);
}

/** Append `value` as signed LEB128; throws CeladonError unless it is in [-2^63, 2^63). */
export function appendSigned(out: number[], value: bigint): void {
  if (BigInt.asIntN(64, value) !== value) {
    throw new CeladonError(`a signed immediate must be in [-2^63, 2^63), not ${value}`);
  }
  let rest = value;
  for (;;) {
    const group = Number(rest & 0x7fn);
    rest >>= 7n;
    if (rest === (group & 0x40 ? -1n : 0n)) {
      out.push(group);
      return;
    }
    out.push(group | 0x80);
  }
}

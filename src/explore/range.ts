/** Numbers with a low and a high end; every operation takes the ends that make it lowest and highest. */

export interface Range {
  readonly low: number;
  readonly value: number;
  readonly high: number;
}

export function exactly(value: number): Range {
  return { low: value, value, high: value };
}

export function product(...ranges: readonly Range[]): Range {
  return ranges.reduce((a, b) => ({
    low: a.low * b.low,
    value: a.value * b.value,
    high: a.high * b.high,
  }));
}

/** Of numbers above 0. */
export function quotient(a: Range, b: Range): Range {
  return { low: a.low / b.high, value: a.value / b.value, high: a.high / b.low };
}

export function scaleRange({ low, value, high }: Range, factor: number): Range {
  return { low: low * factor, value: value * factor, high: high * factor };
}

/** `3.5 (2.9–4.2)`, or one number where the ends meet. */
export function rangeText({ low, value, high }: Range, format: (n: number) => string): string {
  const [a, b, c] = [format(low), format(value), format(high)];
  return a === c ? b : `${b} (${a}–${c})`;
}

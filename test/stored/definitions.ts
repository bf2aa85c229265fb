/** Small floating-point formats by their definitions, written without the tables of src/base. */

/** e4m3: (−1)^s · 2^(e−7) · 1.m, and 2^−6 · 0.m where e is 0. */
export function e4m3(code: number): number {
  const [sign, e, m] = [code >> 7, (code >> 3) & 15, code & 7];
  const magnitude = e === 0 ? 2 ** -6 * (m / 8) : 2 ** (e - 7) * (1 + m / 8);
  return (sign === 1 ? -1 : 1) * magnitude;
}

/** e2m1, spelled out. */
export function e2m1(code: number): number {
  return ([0, 0.5, 1, 1.5, 2, 3, 4, 6][code & 7] as number) * (code & 8 ? -1 : 1);
}

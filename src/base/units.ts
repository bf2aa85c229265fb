/** Numbers for people: three significant digits and the unit that makes them short. */

/** Format a size in binary units: `512 B`, `1.50 KiB`, `10.0 MiB`, `655 GiB`. */
export function formatBytes(sizeBytes: number): string {
  return scaled(sizeBytes, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']);
}

/** Format a count in SI units: `999`, `8.90 M`, `671 G`. */
export function formatCount(count: number): string {
  return scaled(count, 1000, ['', 'k', 'M', 'G', 'T', 'P', 'E']);
}

/** Format clock cycles: `640 cycles`, `12.3 M cycles`. */
export function formatCycles(cycles: number): string {
  return `${formatCount(cycles)} cycles`;
}

/** A value that would print as a full step (999.6 as 1000) moves to the next unit instead. */
function scaled(value: number, step: number, units: readonly string[]): string {
  let rest = Math.abs(value);
  let power = 0;
  while (rest >= step - 0.5 && power < units.length - 1) {
    rest /= step;
    power++;
  }
  const digits = power === 0 && Number.isInteger(rest) ? `${rest}` : threeDigits(rest);
  return `${value < 0 ? '-' : ''}${digits} ${units[power]}`.trimEnd();
}

function threeDigits(value: number): string {
  return value.toFixed(value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2);
}

/** Where two JSON values differ. */
import type { Json } from './study.ts';

export interface Difference {
  /** As `inputs.limits.areaMm2`. */
  readonly path: string;
  readonly before: Json | undefined;
  readonly after: Json | undefined;
}

/** Each innermost value that differs, in the order of names; none where the two are equal. */
export function differences(
  before: Json | undefined,
  after: Json | undefined,
  path = '',
): Difference[] {
  if (Object.is(before, after)) return [];
  if (!isBranch(before) || !isBranch(after) || Array.isArray(before) !== Array.isArray(after))
    return [{ path, before, after }];
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names]
    .toSorted()
    .flatMap((name) =>
      differences(before[name], after[name], path === '' ? name : `${path}.${name}`),
    );
}

function isBranch(value: Json | undefined): value is Readonly<Record<string, Json | undefined>> {
  return typeof value === 'object' && value !== null;
}

const MAX_SHOWN = 60;
const MAX_LINES = 12;

/** A line for each, the first dozen. */
export function differencesText(found: readonly Difference[]): string {
  const lines = found
    .slice(0, MAX_LINES)
    .map(({ path, before, after }) => `${path}: ${short(before)} → ${short(after)}`);
  const more = found.length - lines.length;
  return [...lines, ...(more > 0 ? [`… and ${more} more`] : [])].join('\n');
}

function short(value: Json | undefined): string {
  const text = JSON.stringify(value) ?? 'absent';
  return text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN - 1)}…`;
}

/** JSON text that does not depend on the order of names. */
export function canonicalJson(value: Json): string {
  return JSON.stringify(value, (_, each: Json) =>
    isBranch(each) && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : each,
  );
}

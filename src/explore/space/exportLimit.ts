/** How far a chip is from a class of the export rules. */
import { meets, type ExportRule, type Measured, type Threshold } from '../../chip/index.ts';
import type { ChipEstimate } from './chipEstimates.ts';

/**
 * 0 when the chip is in the class or a lower one. Else by how much, of a threshold, the measure that is
 * nearest to one must shrink: above 0.
 */
export function exportExcess(
  { tpp, performanceDensity, memoryBandwidthGBs }: ChipEstimate,
  rules: readonly ExportRule[],
  atMost: 'none' | 'case-by-case',
): number {
  const measured: Measured = {
    totalProcessingPerformance: tpp,
    // On a planar process no area counts, and no density is reached.
    performanceDensity: performanceDensity ?? 0,
    memoryBandwidthGigabytesPerSecond: memoryBandwidthGBs,
    memoryBandwidthDensity: undefined,
  };
  const controls = rules.filter((rule) => rule.kind === 'chip' && meets(rule, measured) === true);
  const toNone = Math.max(0, ...controls.map((rule) => toEscape(rule, measured)));
  if (atMost === 'none' || toNone === 0) return toNone;
  const reviews = rules.filter(({ kind }) => kind === 'review');
  return Math.min(toNone, ...reviews.map((rule) => toMeet(rule, measured)));
}

/** The smallest excess over a threshold of each list that is met: all lists must be left. */
function toEscape({ anyOf }: ExportRule, measured: Measured): number {
  const lists = anyOf.filter((tests) => tests.every((test) => excess(test, measured) > 0));
  return Math.max(
    ...lists.map((tests) => Math.min(...tests.map((test) => excess(test, measured)))),
  );
}

/** The largest excess over what a list wants less of; of several lists, the nearest. */
function toMeet({ anyOf }: ExportRule, measured: Measured): number {
  return Math.min(
    ...anyOf.map((tests) =>
      Math.max(
        0,
        ...tests.map(({ measure, below = Infinity }) => over(measured[measure] ?? 0, below)),
      ),
    ),
  );
}

/** By how much of the lower bound the measure is within a test; 0 outside of it. */
function excess(
  { measure, atLeast = 0, above = 0, below = Infinity }: Threshold,
  measured: Measured,
): number {
  const value = measured[measure] ?? 0;
  return value < below ? over(value, Math.max(atLeast, above)) : 0;
}

/** Reaching a bound counts, by a little. */
function over(value: number, bound: number): number {
  return value < bound ? 0 : Math.max(Number.EPSILON, value / bound - 1);
}

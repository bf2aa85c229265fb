/**
 * Routing of one token to experts, in f64 [1].
 *
 * Experts are chosen by score + bias: first the best groups, by the sum of their two best experts [1]
 * or by their best one [2], then the best experts inside them. Equal scores: the lower index. The gates are the scores alone.
 *
 * [1] DeepSeek-V3 Technical Report, section 2.1.2, https://arxiv.org/abs/2412.19437
 * [2] DeepSeek-V2, section 2.2.2, https://arxiv.org/abs/2405.04434
 */
import type { RouteAttrs } from './ops.table.ts';

/** Added to the sum that gates are divided by, so that it is never zero. */
const SMALLEST_SUM = 1e-20;

/** Writes the gates of one token; zero for experts not chosen. `bias` counts for the choice only. */
export function routeGates(
  logits: Float32Array,
  bias: Float32Array | undefined,
  attrs: RouteAttrs,
  out: Float32Array,
): void {
  const scores = scoreExperts(logits, attrs.scoring);
  const biased = scores.map((score, e) => score + (bias?.[e] ?? 0));
  writeGates(scores, chooseExperts(biased, attrs), attrs, out);
}

/** Writes the gates of one token for the experts given; zero for others. */
export function gatesOf(
  logits: Float32Array,
  experts: readonly number[],
  attrs: GateAttrs,
  out: Float32Array,
): void {
  writeGates(scoreExperts(logits, attrs.scoring), experts, attrs, out);
}

type GateAttrs = Pick<RouteAttrs, 'scoring' | 'normalize' | 'scale'>;

function writeGates(
  scores: readonly number[],
  chosen: readonly number[],
  { normalize, scale }: GateAttrs,
  out: Float32Array,
): void {
  const sum = chosen.reduce((total, e) => total + scores[e]!, SMALLEST_SUM);
  out.fill(0);
  for (const e of chosen) out[e] = (normalize ? scores[e]! / sum : scores[e]!) * scale;
}

function scoreExperts(logits: Float32Array, scoring: RouteAttrs['scoring']): number[] {
  if (scoring === 'sigmoid') return Array.from(logits, (x) => 1 / (1 + Math.exp(-x)));
  if (scoring === 'sqrtSoftplus') return Array.from(logits, (x) => Math.sqrt(softplus(x)));
  const largest = Math.max(...logits);
  const powers = Array.from(logits, (x) => Math.exp(x - largest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

/** The chosen experts, ascending. */
function chooseExperts(scores: readonly number[], attrs: RouteAttrs): number[] {
  const width = scores.length / attrs.groups;
  const members = (group: number): number[] =>
    Array.from({ length: width }, (_, i) => group * width + i);
  const groupScores = Array.from({ length: attrs.groups }, (_, group) =>
    sumOfBest(
      members(group).map((e) => scores[e]!),
      attrs.groupByBest === true ? 1 : 2,
    ),
  );
  const eligible = best(groupScores, attrs.topGroups).flatMap(members);
  const order = best(
    eligible.map((e) => scores[e]!),
    attrs.topK,
  );
  return order.map((i) => eligible[i]!);
}

function sumOfBest(scores: readonly number[], count: number): number {
  return best(scores, count).reduce((sum, i) => sum + scores[i]!, 0);
}

/** Indices of the `count` largest, ascending; of equals the first are taken. */
function best(scores: readonly number[], count: number): number[] {
  const indices = scores.map((_, i) => i);
  const descending = indices.toSorted((a, b) => scores[b]! - scores[a]! || a - b);
  return descending.slice(0, count).toSorted((a, b) => a - b);
}

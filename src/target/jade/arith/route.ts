/**
 * Routing of one token to experts: docs/numerics.md, section 3.
 *
 * Experts are chosen by score + bias: first the groups with the largest sums of their two best, or with
 * the best one where the graph asks for that, then the best experts inside them. Equal scores: the lower index; a NaN is smaller than everything.
 */
import type { RouteAttrs } from '../../../ir/index.ts';
import { reciprocal, rootAtLeast, sigmoid, SMALLEST_NORMAL, softplus } from './functions.ts';
import { isLarger } from './reduce.ts';
import { softmaxRow, type Row } from './rows.ts';

const { fround } = Math;

/** Keeps the divisor of the gates from zero. */
const SMALLEST_SUM = fround(1e-20);

/** Writes the gates of one token, `count` of them: zero for experts not chosen. */
export function routeRow(
  logits: Row,
  bias: Row | undefined,
  count: number,
  attrs: RouteAttrs,
  lanes: number,
  out: Row,
): void {
  const scores = scoresOf(logits, count, attrs.scoring, lanes);
  const biased = bias ? scores.map((score, e) => score + bias.values[bias.offset + e]!) : scores;
  const chosen = chooseExperts(biased, attrs);
  let sum = 0;
  for (const e of chosen) sum = fround(sum + scores[e]!);
  const factor = attrs.normalize ? reciprocal(fround(sum + SMALLEST_SUM)) : 1;
  out.values.fill(0, out.offset, out.offset + count);
  for (const e of chosen) {
    out.values[out.offset + e] = fround(scores[e]! * factor) * fround(attrs.scale);
  }
}

/** The same for the experts given: a bias of −Inf for all others leaves these. */
export function routeGiven(
  logits: Row,
  experts: readonly number[],
  count: number,
  attrs: Pick<RouteAttrs, 'scoring' | 'normalize' | 'scale'>,
  lanes: number,
  out: Row,
): void {
  const bias = { values: biasOfGiven(experts, count), offset: 0 };
  const all = { ...attrs, topK: experts.length, groups: 1, topGroups: 1 };
  routeRow(logits, bias, count, all, lanes, out);
}

/** 0 for the experts given, −Inf for the others of `count`. */
export function biasOfGiven(experts: readonly number[], count: number): Float32Array {
  const bias = new Float32Array(count).fill(-Infinity);
  for (const e of experts) bias[e] = 0;
  return bias;
}

function scoresOf(
  logits: Row,
  count: number,
  scoring: RouteAttrs['scoring'],
  lanes: number,
): Float32Array {
  const row = logits.values.subarray(logits.offset, logits.offset + count);
  if (scoring === 'sigmoid') return row.map(sigmoid);
  if (scoring === 'sqrtSoftplus') return row.map(rootOfSoftplus);
  const scores = new Float32Array(count);
  softmaxRow(logits, count, count, 1, lanes, { values: scores, offset: 0 });
  return scores;
}

function rootOfSoftplus(x: number): number {
  return rootAtLeast(softplus(x), SMALLEST_NORMAL);
}

/** The chosen experts, ascending. */
function chooseExperts(scores: Float32Array, attrs: RouteAttrs): number[] {
  const width = scores.length / attrs.groups;
  const members = (group: number): number[] =>
    Array.from({ length: width }, (_, i) => group * width + i);
  const groupScores = Float32Array.from({ length: attrs.groups }, (_, group) =>
    sumOfBest(scores, members(group), attrs.groupByBest === true ? 1 : 2),
  );
  const groups = best(groupScores, [...groupScores.keys()], attrs.topGroups);
  return best(scores, groups.flatMap(members), attrs.topK);
}

function sumOfBest(scores: Float32Array, members: readonly number[], count: 1 | 2): number {
  const [first, second] = best(scores, members, count);
  return scores[first!]! + (second === undefined ? 0 : scores[second]!);
}

/** The `count` of `candidates`, ascending indices, with the largest scores; ascending. */
function best(scores: Float32Array, candidates: readonly number[], count: number): number[] {
  const rest = [...candidates];
  const chosen: number[] = [];
  while (chosen.length < count && rest.length > 0) {
    let first = 0;
    for (let i = 1; i < rest.length; i++) {
      if (isLarger(scores[rest[i]!]!, scores[rest[first]!]!)) first = i;
    }
    chosen.push(...rest.splice(first, 1));
  }
  return chosen.toSorted((a, b) => a - b);
}

/**
 * Who of a population survives and who mates, as in NSGA-II [1]: by rank of domination, then by room.
 *
 * [1] Deb, Pratap, Agarwal, Meyarivan: A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II,
 *     IEEE Transactions on Evolutionary Computation 6(2), 2002
 */
import type { Random } from '../../base/index.ts';
import { dominates, lexicographic } from './front.ts';
import type { Point } from './problem.ts';

/** A point of the population; those that break limits may have no objectives. */
export interface Individual {
  readonly point: Point;
  readonly objectives: readonly number[] | undefined;
  readonly violation: number;
}

/** An individual among others: rank 0 is not dominated; crowding is the room around it, Infinity at ends. */
export interface Ranked extends Individual {
  readonly rank: number;
  readonly crowding: number;
}

/** Constrained domination: keeping limits comes first, then breaking them less, then the objectives. */
function beats(a: Individual, b: Individual): boolean {
  if (a.violation !== b.violation) return a.violation < b.violation;
  if (a.violation > 0 || a.objectives === undefined || b.objectives === undefined) return false;
  return dominates(a.objectives, b.objectives);
}

/** The `count` best, ranked among all; ties by the order of points, so that no order of coming matters. */
export function survivors(all: readonly Individual[], count: number): Ranked[] {
  const ranked = ranks(all).flatMap((rank, index) => withCrowding(rank, index));
  return ranked.toSorted(byWorth).slice(0, count);
}

/** The better one of two drawn at random. */
export function tournament(population: readonly Ranked[], random: Random): Ranked {
  const a = population[random.int(population.length)]!;
  const b = population[random.int(population.length)]!;
  return byWorth(a, b) <= 0 ? a : b;
}

function byWorth(a: Ranked, b: Ranked): number {
  if (a.rank !== b.rank) return a.rank - b.rank;
  if (a.crowding !== b.crowding) return b.crowding - a.crowding;
  return lexicographic(a.point, b.point);
}

/**
 * Classes of individuals that do not beat each other, best first. In an order in which none is beaten by
 * a later one, each belongs to the first class that has none who beats it [2].
 *
 * [2] Zhang, Tian, Cheng, Jin: An Efficient Approach to Nondominated Sorting for Evolutionary
 *     Multiobjective Optimization, IEEE Transactions on Evolutionary Computation 19(2), 2015
 */
function ranks(all: readonly Individual[]): Individual[][] {
  const classes: Individual[][] = [];
  for (const one of all.toSorted(bestFirst)) {
    const fitting = classes.find((others) => !others.some((other) => beats(other, one)));
    if (fitting === undefined) classes.push([one]);
    else fitting.push(one);
  }
  return classes;
}

function bestFirst(a: Individual, b: Individual): number {
  if (a.violation !== b.violation) return a.violation < b.violation ? -1 : 1;
  const order = lexicographic(b.objectives ?? [], a.objectives ?? []);
  return order === 0 ? lexicographic(a.point, b.point) : order;
}

/** Crowding distance: the sides of the box between the neighbours, as shares of the class's range. */
function withCrowding(members: readonly Individual[], rank: number): Ranked[] {
  const crowding = new Map(members.map((member) => [member, 0]));
  const dimensions = members[0]!.violation > 0 ? 0 : (members[0]!.objectives?.length ?? 0);
  for (let i = 0; i < dimensions; i++) {
    const at = (member: Individual): number => member.objectives![i]!;
    const sorted = members.toSorted((a, b) => at(a) - at(b));
    const range = at(sorted.at(-1)!) - at(sorted[0]!) || 1;
    for (const [index, member] of sorted.entries()) {
      const [below, above] = [sorted[index - 1], sorted[index + 1]];
      const room =
        below === undefined || above === undefined ? Infinity : (at(above) - at(below)) / range;
      crowding.set(member, crowding.get(member)! + room);
    }
  }
  return members.map((member) => ({ ...member, rank, crowding: crowding.get(member)! }));
}

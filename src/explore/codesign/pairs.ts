/**
 * Pairs of a variant of a model and a chip: the best over all variants, beside the best for the model as
 * it is published. What a variant does to the quality of the model is not known before it is trained;
 * what formats do to it is measured.
 */
import type { Explored, FrontDesign } from '../chipStudy/explore.node.ts';
import { dominates } from '../search/front.ts';
import { outcomeOf } from '../study/index.ts';

/** A variant with what a study found for it. */
export interface ExploredVariant {
  readonly variant: string;
  readonly explored: Explored;
}

export interface Pair extends FrontDesign {
  readonly variant: string;
  /** All maximised, in the order of the study. */
  readonly objectives: readonly number[];
}

export interface PairReport {
  /** Not dominated by a pair of any variant; the best in the first objective first. */
  readonly front: readonly Pair[];
  /** For each objective: the best pair of all, and the best for the model as published. */
  readonly best: readonly {
    readonly metric: string;
    readonly pair: Pair;
    /** undefined where nothing serves the model as published within the limits. */
    readonly today: Pair | undefined;
  }[];
}

/** The first variant is the model as published. */
export function pairReport(variants: readonly ExploredVariant[]): PairReport {
  const pairs = variants.flatMap(pairsOf);
  const front = pairs
    .filter(({ objectives }) => !pairs.some((other) => dominates(other.objectives, objectives)))
    .toSorted((a, b) => b.objectives[0]! - a.objectives[0]!);
  const today = variants.length === 0 ? [] : pairsOf(variants[0]!);
  const { objectives = [] } = variants[0]?.explored.definition ?? {};
  const best = objectives.flatMap(({ metric }, i) => {
    const pair = bestIn(pairs, i);
    return pair === undefined ? [] : [{ metric, pair, today: bestIn(today, i) }];
  });
  return { front, best };
}

function pairsOf({ variant, explored: { definition, front } }: ExploredVariant): Pair[] {
  return front.map((each) => {
    const { objectives } = outcomeOf(definition.objectives, each.evaluation);
    return { ...each, variant, objectives: objectives! };
  });
}

function bestIn(pairs: readonly Pair[], objective: number): Pair | undefined {
  return pairs.toSorted((a, b) => b.objectives[objective]! - a.objectives[objective]!)[0];
}

/**
 * Front: points that none dominates, kept while points come one by one.
 *
 * a dominates b if it is nowhere lower and somewhere higher. Points of equal objectives do not dominate
 * each other: a front keeps them all, as one entry.
 *
 * An ND-tree [1]: each node knows the corner above all its entries and the one below, so most of the
 * front is passed by without a look. Comparisons grow with the logarithm of the front for two objectives
 * and sublinearly for three to five.
 *
 * [1] Jaszkiewicz, Lust: ND-Tree-Based Update: A Fast Algorithm for the Dynamic Nondominance Problem,
 *     IEEE Transactions on Evolutionary Computation 22(5), 2018, https://arxiv.org/abs/1603.04798
 */
import { ShapeError } from '../../base/index.ts';
import type { Found, Point } from './problem.ts';

type Vector = readonly number[];

interface Entry {
  readonly objectives: Vector;
  readonly points: Point[];
}

interface Node {
  /** Not below any entry, and not above any. */
  readonly high: number[];
  readonly low: number[];
  /** One of the two is empty. */
  entries: Entry[];
  children: Node[];
}

const LEAF_ENTRIES = 20;

/** Whether `a` is nowhere below `b`. */
export function covers(a: Vector, b: Vector): boolean {
  for (let i = 0; i < b.length; i++) if (a[i]! < b[i]!) return false;
  return true;
}

export function dominates(a: Vector, b: Vector): boolean {
  return covers(a, b) && !covers(b, a);
}

export class Front {
  /** Of the first point's objectives; all others have as many. */
  #dimensions: number | undefined;
  #root: Node | undefined;

  /** Adds a point unless the front dominates it, and drops what it dominates; says whether it is in now. */
  add({ point, objectives }: Found): boolean {
    this.#check(objectives);
    const root = this.#root;
    if (root === undefined) {
      this.#root = leafOf([{ objectives, points: [point] }]);
      return true;
    }
    const verdict = visit(root, objectives);
    if (verdict === 'dominated') return false;
    if (verdict !== 'new') verdict.points.push(point);
    else if (isEmpty(root)) this.#root = leafOf([{ objectives, points: [point] }]);
    else insert(root, { objectives, points: [point] });
    return true;
  }

  /** Whether a point of the front dominates these objectives. */
  dominates(objectives: Vector): boolean {
    this.#check(objectives);
    return this.#root !== undefined && isDominated(this.#root, objectives);
  }

  /** All points, in lexicographic order of their indices. */
  list(): Found[] {
    const entries = this.#root === undefined ? [] : entriesOf(this.#root);
    const found = entries.flatMap(({ points, objectives }) =>
      points.map((point) => ({ point, objectives })),
    );
    return found.toSorted((a, b) => lexicographic(a.point, b.point));
  }

  #check(objectives: Vector): void {
    const count = (this.#dimensions ??= objectives.length);
    if (objectives.length === count && objectives.every(Number.isFinite)) return;
    throw new ShapeError(
      `objectives must be ${count} finite numbers, not ${JSON.stringify(objectives)}`,
    );
  }
}

/** Of points found, those that none of them dominates, in lexicographic order of their indices. */
export function nonDominated(found: readonly Found[]): Found[] {
  const front = new Front();
  for (const each of found) front.add(each);
  return front.list();
}

export function lexicographic(a: Vector, b: Vector): number {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return 0;
}

/** Drops from `node` what `y` dominates; finds the entry that equals it, if any. */
function visit(node: Node, y: Vector): 'dominated' | 'new' | Entry {
  if (dominates(node.low, y)) return 'dominated';
  if (dominates(y, node.high)) {
    [node.entries, node.children] = [[], []];
    return 'new';
  }
  if (!covers(node.high, y) && !covers(y, node.low)) return 'new';
  for (const { objectives } of node.entries) if (dominates(objectives, y)) return 'dominated';
  const same = node.entries.find(({ objectives }) => lexicographic(objectives, y) === 0);
  if (same !== undefined) return same;
  node.entries = node.entries.filter(({ objectives }) => !dominates(y, objectives));
  for (const child of node.children) {
    const verdict = visit(child, y);
    if (verdict !== 'new') return verdict;
  }
  node.children = node.children.filter((child) => !isEmpty(child));
  return 'new';
}

function isDominated(node: Node, y: Vector): boolean {
  if (!covers(node.high, y)) return false;
  if (dominates(node.low, y)) return true;
  return (
    node.entries.some(({ objectives }) => dominates(objectives, y)) ||
    node.children.some((child) => isDominated(child, y))
  );
}

/** Adds to the leaf that is nearest, and splits it when it is full. */
function insert(root: Node, entry: Entry): void {
  const scale = root.high.map((high, i) => high - root.low[i]! || 1);
  let node = root;
  for (;;) {
    stretch(node, entry.objectives);
    if (node.children.length === 0) break;
    node = nearest(node.children, entry.objectives, scale);
  }
  node.entries.push(entry);
  if (node.entries.length > LEAF_ENTRIES) split(node, scale);
}

/** Into the two halves of the objective that spreads most. */
function split(node: Node, scale: Vector): void {
  const spread = node.high.map((high, i) => (high - node.low[i]!) / scale[i]!);
  const axis = spread.indexOf(Math.max(...spread));
  const sorted = node.entries.toSorted((a, b) => a.objectives[axis]! - b.objectives[axis]!);
  const half = sorted.length >> 1;
  node.children = [leafOf(sorted.slice(0, half)), leafOf(sorted.slice(half))];
  node.entries = [];
}

function leafOf(entries: Entry[]): Node {
  const [first, ...rest] = entries;
  const node = { high: [...first!.objectives], low: [...first!.objectives], entries, children: [] };
  for (const { objectives } of rest) stretch(node, objectives);
  return node;
}

function stretch({ high, low }: Node, y: Vector): void {
  for (let i = 0; i < y.length; i++) {
    if (y[i]! > high[i]!) high[i] = y[i]!;
    if (y[i]! < low[i]!) low[i] = y[i]!;
  }
}

function nearest(nodes: readonly Node[], y: Vector, scale: Vector): Node {
  let best = nodes[0]!;
  let least = Infinity;
  for (const node of nodes) {
    let distance = 0;
    for (let i = 0; i < y.length; i++)
      distance += Math.abs((node.high[i]! + node.low[i]!) / 2 - y[i]!) / scale[i]!;
    if (distance < least) [best, least] = [node, distance];
  }
  return best;
}

const isEmpty = ({ entries, children }: Node): boolean =>
  entries.length === 0 && children.length === 0;

function entriesOf({ entries, children }: Node): Entry[] {
  return [...entries, ...children.flatMap(entriesOf)];
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exhaustiveSearch } from '../search/exhaustive.ts';
import { runSearch, type Point } from '../search/problem.ts';
import { nearestFeasible } from './nearestFeasible.ts';
import { neighbourTable } from './neighbourTable.ts';
import { sensitivities } from './sensitivity.ts';
import { shadowPrices } from './shadowPrices.ts';
import { problemOf, remembering, type Excess, type View } from './view.ts';

const VALUES = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

/** Rate is that of the slower of MACs and memory, area the sum; more than 9 of MACs has no program. */
function toy({ areaMm2, powerWatts }: { areaMm2: number; powerWatts: number }): View {
  const excess = (limit: string, value: number, most: number): Excess[] =>
    value > most ? [{ limit, excess: value / most - 1 }] : [];
  const at = ([x, y]: Point) => ({ macs: VALUES[x!]!, memory: VALUES[y!]! });
  const ofArea = (point: Point): Excess[] => {
    const { macs, memory } = at(point);
    return excess('areaMm2', macs + 2 * memory, areaMm2);
  };
  return {
    axes: [
      { name: 'macs', values: VALUES },
      { name: 'memory', values: VALUES },
    ],
    objectives: ['rate', 'smallness'],
    limits: ['areaMm2', 'powerWatts'],
    brokenBefore: ofArea,
    look(point) {
      const { macs, memory } = at(point);
      if (macs > 9) return { misfit: 'no program' };
      return {
        objectives: [Math.min(2 * macs, 3 * memory), -(macs + 2 * memory)],
        broken: [...ofArea(point), ...excess('powerWatts', 3 * macs + memory, powerWatts)],
        limitedBy: 2 * macs < 3 * memory ? 'MACs' : 'memory bandwidth',
      };
    },
  };
}

const frontOf = (view: View): Point[] => {
  const problem = problemOf(view);
  return runSearch(exhaustiveSearch(problem), problem.evaluate).front.map(({ point }) => point);
};

test('neighbours: what a step changes, and why it is not done', () => {
  const rows = neighbourTable(toy({ areaMm2: 17, powerWatts: 100 }), [8, 3]);
  const shown = rows.map(({ axis, from, to, verdict, changes, broken, reason }) => [
    `${axis} ${from} → ${to}: ${verdict}`,
    changes.map((change) => Number(change.toFixed(3))),
    broken.map(({ limit }) => limit).join(),
    reason,
  ]);
  assert.deepEqual(shown, [
    ['macs 9 → 8: better', [0, 0.059], '', 'memory bandwidth'],
    ['macs 9 → 10: cannot serve', [], '', 'no program'],
    ['memory 4 → 3: other', [-0.25, 0.118], '', 'memory bandwidth'],
    ['memory 4 → 5: over limits', [0.25, -0.118], 'areaMm2', 'memory bandwidth'],
  ]);
  assert.deepEqual(neighbourTable(toy({ areaMm2: 17, powerWatts: 100 }), [9, 3]), []);
  const edges = neighbourTable(toy({ areaMm2: 99, powerWatts: 99 }), [0, 0]);
  assert.deepEqual(
    edges.map(({ to, verdict }) => `${to} ${verdict}`),
    ['2 other', '2 worse'],
  );
});

test('shadow prices: the limit that binds has one, the other has none', () => {
  const view = toy({ areaMm2: 19, powerWatts: 100 });
  const front = frontOf(view);
  const [area, power] = shadowPrices(view, front, { widened: 0.06 });
  assert.equal(area!.binds, true);
  // 15 at 8 + 2·5 within 19, or 16 with 8 + 2·6 = 20: one more.
  assert.deepEqual(area!.gains[0], { objective: 'rate', best: 1 / 15, bestPoint: [7, 5], here: 0 });
  assert.equal(area!.gains[1]!.best, 0, 'the smallest design is no smaller');
  assert.equal(power!.binds, false);
  const tight = shadowPrices(
    toy({ areaMm2: 100, powerWatts: 20.5 }),
    frontOf(toy({ areaMm2: 100, powerWatts: 20.5 })),
  );
  assert.deepEqual(
    tight.map(({ binds }) => binds),
    [false, true],
  );
});

test('shadow prices of a design: its other objectives stay no worse, and no limit buys that here', () => {
  const view = toy({ areaMm2: 19, powerWatts: 100 });
  const [area] = shadowPrices(view, frontOf(view), { point: [3, 2], widened: 0.2 });
  assert.equal(area!.gains[0]!.here, 0);
  assert.ok(area!.gains[0]!.best > 0);
  const only = { ...view, objectives: ['rate'] };
  const rate: View = {
    ...only,
    look(point) {
      const look = view.look(point);
      return 'misfit' in look ? look : { ...look, objectives: look.objectives.slice(0, 1) };
    },
  };
  const [alone] = shadowPrices(rate, frontOf(rate), { point: frontOf(rate)[0]!, widened: 0.06 });
  assert.equal(alone!.gains[0]!.here, 1 / 15);
  assert.deepEqual(shadowPrices(toy({ areaMm2: 1, powerWatts: 1 }), []), []);
});

test('infeasible limits: what to widen, least first, and which limits are to blame', () => {
  // The smallest design has area 3 and takes 4 watts.
  const both = nearestFeasible(toy({ areaMm2: 2, powerWatts: 2 }), { seed: 1 });
  assert.ok(both.kind === 'infeasible');
  assert.deepEqual(both.toBlame, ['areaMm2', 'powerWatts']);
  assert.deepEqual(both.nearest.point, [0, 0]);
  assert.deepEqual(both.nearest.widen, [
    { limit: 'areaMm2', excess: 0.5 },
    { limit: 'powerWatts', excess: 1 },
  ]);
  assert.equal(both.proven, true);
  const one = nearestFeasible(toy({ areaMm2: 2, powerWatts: 50 }), { seed: 1 });
  assert.ok(one.kind === 'infeasible');
  assert.deepEqual(one.toBlame, ['areaMm2']);
  assert.equal(one.relaxations.length, 1);
});

test('limits that exclude each other: either gives in, so neither alone is to blame', () => {
  // At least so much rate within so much area: each can be had, both cannot.
  const view = toy({ areaMm2: 10, powerWatts: 100 });
  const conflict: View = {
    ...view,
    limits: ['areaMm2', 'slowness'],
    look(point) {
      const look = view.look(point);
      if ('misfit' in look) return look;
      const slowness = 15 / look.objectives[0]!;
      const slow = slowness > 1 ? [{ limit: 'slowness', excess: slowness - 1 }] : [];
      return { ...look, broken: [...view.brokenBefore(point), ...slow] };
    },
  };
  const found = nearestFeasible(conflict, { seed: 1 });
  assert.ok(found.kind === 'infeasible');
  assert.deepEqual(found.toBlame, []);
  const single = found.relaxations.slice(0, 2).map(({ widen }) => widen.map(({ limit }) => limit));
  assert.deepEqual(single.flat().toSorted(), ['areaMm2', 'slowness']);
  const searched = nearestFeasible(conflict, { seed: 1, evaluations: 80 });
  assert.ok(searched.kind === 'infeasible' && !searched.proven);
  assert.deepEqual(searched.nearest.widen, found.nearest.widen);
});

test('feasible limits give a design that keeps them; no service gives its reasons', () => {
  const view = toy({ areaMm2: 9, powerWatts: 15 });
  const found = nearestFeasible(view, { seed: 1 });
  assert.ok(found.kind === 'feasible');
  const look = view.look(found.point);
  assert.ok(!('misfit' in look) && look.broken.length === 0);
  const none: View = { ...view, look: ([x]) => ({ misfit: x! > 0 ? 'too wide' : 'too small' }) };
  assert.deepEqual(nearestFeasible(none, { seed: 1 }), {
    kind: 'no service',
    reasons: ['too wide', 'too small'],
  });
});

test('sensitivity: the input that moves most comes first, with what leaves and what is best', () => {
  // a is cheap and gets dearer with the wafer, b is dear and does not; power matters little.
  const at = (point: Point, name: string, value: number): number[] | undefined => {
    const wafer = name === 'wafer' ? value : 1;
    const power = name === 'power' ? value : 1;
    if (point[0] === 2 && wafer > 1) return undefined;
    const dollars = point[0] === 0 ? 4 * wafer : 6;
    return [point[0] === 0 ? 10 : 12, -dollars - 0.01 * power];
  };
  const found = sensitivities(
    [
      { name: 'power', low: 0.5, value: 1, high: 2 },
      { name: 'wafer', low: 0.5, value: 1, high: 2 },
    ],
    ['rate', 'cheapness'],
    [[0], [1], [2]],
    at,
  );
  assert.deepEqual(
    found.map(({ name }) => name),
    ['wafer', 'power'],
  );
  const [wafer, power] = found;
  assert.deepEqual(wafer!.changesBestOf, ['cheapness']);
  assert.deepEqual(wafer!.low.leaving, []);
  assert.deepEqual(wafer!.high.leaving, [[0], [2]], 'dominated, and without service');
  assert.deepEqual(wafer!.high.rankCorrelations, [1, -1]);
  assert.equal(wafer!.high.changes[0], 0);
  assert.ok(wafer!.high.changes[1]! < -0.45);
  assert.deepEqual(power!.changesBestOf, []);
  assert.deepEqual(power!.high.rankCorrelations, [1, 1]);
});

test('a view that remembers looks once', () => {
  let looks = 0;
  const view = toy({ areaMm2: 9, powerWatts: 15 });
  const once = remembering({
    ...view,
    look(point) {
      looks++;
      return view.look(point);
    },
  });
  for (let i = 0; i < 3; i++) once.look([1, 2]);
  assert.deepEqual(once.look([1, 2]), view.look([1, 2]));
  assert.equal(looks, 1);
});

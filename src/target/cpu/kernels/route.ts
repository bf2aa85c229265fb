/**
 * Routing of tokens to experts: scores, the best groups, in them the best experts, gates. The rules,
 * ties included, are those of docs/numerics.md, section 3; arithmetic is plain f32.
 *
 * Scratch of a token, rows of E rounded up to whole vectors:
 *
 *   scores    of the logits, as scoring says
 *   choice    scores + bias
 *   eligible  choice in the groups kept, −infinity elsewhere and where already chosen
 *   groups    the sum of the two best of choice of each group, or the best
 */
import type { FunctionBuilder, FunctionRef, Local, ModuleBuilder } from '../../../wasm/index.ts';
import { SMALLEST_SUM } from './gates.ts';
import { KERNELS } from './kernels.table.ts';
import { ELEMENT_BYTES, forRow, pushProduct, pushRow, pushSum, VECTOR_BYTES } from './vectors.ts';

/** Functions that routing calls. */
export interface RouteUses {
  readonly scoreExperts: FunctionRef;
  readonly scaleRow: FunctionRef;
  readonly indexOfLargest: FunctionRef;
}

type Params = { readonly [K in keyof typeof KERNELS.route]: Local };

/** The parameters, and the locals that all parts of the kernel share. */
interface Site extends Params {
  readonly f: FunctionBuilder;
  readonly uses: RouteUses;
  readonly rowBytes: Local;
  readonly scores: Local;
  readonly choice: Local;
  readonly eligible: Local;
  readonly groupScores: Local;
}

/** Adds `route`. */
export function addRoute(module: ModuleBuilder, uses: RouteUses): void {
  const spec = { params: KERNELS.route, exported: true };
  module.addFunction('route', spec, (f, p) => {
    const row = f.local('i32', 'row');
    const site: Site = {
      ...p,
      f,
      uses,
      rowBytes: f.local('i32', 'rowBytes'),
      scores: p.scratch,
      choice: f.local('i32', 'choice'),
      eligible: f.local('i32', 'eligible'),
      groupScores: f.local('i32', 'groupScores'),
    };
    pushProduct(f, p.E, ELEMENT_BYTES).set(site.rowBytes);
    layOutScratch(site);
    f.forLoop(row, 0, p.rows, 1, () => {
      f.get(p.logits).get(site.scores).get(p.E).get(p.scoring).emit('call', uses.scoreExperts);
      addBias(site);
      scoreGroups(site);
      keepGroups(site);
      chooseExperts(site);
      scaleGates(site);
      f.advance(p.logits, site.rowBytes).advance(p.out, site.rowBytes);
    });
  });
}

function layOutScratch({ f, rowBytes, scores, choice, eligible, groupScores }: Site): void {
  const row = f.local('i32');
  f.get(rowBytes)
    .i32(VECTOR_BYTES - 1)
    .emit('i32.add')
    .i32(-VECTOR_BYTES)
    .emit('i32.and')
    .set(row);
  pushSum(f, scores, row).set(choice);
  pushSum(f, choice, row).set(eligible);
  pushSum(f, eligible, row).set(groupScores);
}

function addBias({ f, scores, bias, choice, rowBytes }: Site): void {
  f.get(choice).get(scores).get(rowBytes).emit('memory.copy');
  f.get(bias).if(() => {
    forRow(f, rowBytes, (offset, { load, store }) => {
      pushSum(f, choice, offset);
      load(pushSum(f, scores, offset));
      load(pushSum(f, bias, offset)).emit('f32x4.add');
      store(f);
    });
  });
}

/** The two best of each group, added; the best alone if asked to, or in a group of one. */
function scoreGroups({ f, choice, groups, groupByBest, groupScores, E }: Site): void {
  const [group, width, i, from] = [f.local('i32'), f.local('i32'), f.local('i32'), f.local('i32')];
  const [value, best, second] = [f.local('f32'), f.local('f32'), f.local('f32')];
  f.get(E).get(groups).emit('i32.div_u').set(width);
  f.get(choice).set(from);
  f.forLoop(group, 0, groups, 1, () => {
    f.emit('f32.const', -Infinity).tee(best).set(second);
    f.forLoop(i, 0, width, 1, () => {
      f.get(from).emit('f32.load').tee(value);
      f.get(best).emit('f32.min').get(second).emit('f32.max').set(second);
      f.get(value).get(best).emit('f32.max').set(best);
      f.advance(from, ELEMENT_BYTES);
    });
    pushRow(f, groupScores, group, ELEMENT_BYTES).get(best);
    f.get(second).emit('f32.const', 0).get(width).i32(1).emit('i32.gt_u');
    f.get(groupByBest).emit('i32.eqz').emit('i32.and').emit('select');
    f.emit('f32.add').emit('f32.store');
  });
}

/** Copies the choice of the best groups to the eligible. */
function keepGroups(site: Site): void {
  const { f, uses, choice, eligible, groups, topGroups, groupScores, rowBytes } = site;
  const [offset, taken, groupBytes] = [f.local('i32'), f.local('i32'), f.local('i32')];
  f.forLoop(offset, 0, rowBytes, ELEMENT_BYTES, () => {
    pushSum(f, eligible, offset).emit('f32.const', -Infinity).emit('f32.store');
  });
  f.get(rowBytes).get(groups).emit('i32.div_u').set(groupBytes);
  f.forLoop(taken, 0, topGroups, 1, () => {
    f.get(groupScores).get(groups).emit('call', uses.indexOfLargest).set(offset);
    pushRow(f, groupScores, offset, ELEMENT_BYTES).emit('f32.const', -Infinity).emit('f32.store');
    pushRow(f, eligible, offset, groupBytes);
    pushRow(f, choice, offset, groupBytes).get(groupBytes).emit('memory.copy');
  });
}

/** Writes the scores of the best experts to `out`, 0 elsewhere. */
function chooseExperts({ f, uses, scores, eligible, out, E, topK, rowBytes }: Site): void {
  const [taken, expert] = [f.local('i32'), f.local('i32')];
  f.get(out).i32(0).get(rowBytes).emit('memory.fill');
  f.forLoop(taken, 0, topK, 1, () => {
    f.get(eligible).get(E).emit('call', uses.indexOfLargest).set(expert);
    pushRow(f, eligible, expert, ELEMENT_BYTES).emit('f32.const', -Infinity).emit('f32.store');
    pushRow(f, out, expert, ELEMENT_BYTES);
    pushRow(f, scores, expert, ELEMENT_BYTES).emit('f32.load').emit('f32.store');
  });
}

/** Divides by the sum, if asked to, and multiplies by `scale`. */
function scaleGates({ f, uses, out, E, rowBytes, normalize, scale }: Site): void {
  const [offset, sum] = [f.local('i32'), f.local('f32')];
  f.emit('f32.const', SMALLEST_SUM).set(sum);
  f.forLoop(offset, 0, rowBytes, ELEMENT_BYTES, () => {
    pushSum(f, out, offset).emit('f32.load').get(sum).emit('f32.add').set(sum);
  });
  f.get(out).get(E).get(sum).emit('f32.const', 1).get(normalize).emit('select');
  f.get(scale).emit('call', uses.scaleRow);
}

/**
 * Attention of each token and each group of heads that share a key head; tokens of a prompt go many together
 * (attendTile.ts), with the same bits.
 *
 * Keys and values are read in place from the state, where consecutive tokens are G heads apart. Rows
 * chosen for a token are gathered first, which costs little beside the heads that then read them.
 */
import type { FunctionBuilder, FunctionRef, Local, ModuleBuilder } from '../../../wasm/index.ts';
import { KERNELS } from './kernels.table.ts';
import { pushPosition } from './movement.ts';
import { advanceElements } from './vectors.ts';

type Params = {
  readonly [
    K in Extract<keyof typeof KERNELS.attention, keyof typeof KERNELS.attentionToRows>
  ]: Local;
};

/** The parameters that both kernels have, and the locals that their parts share. */
interface Site extends Params {
  readonly f: FunctionBuilder;
  readonly attendRows: FunctionRef;
  /** The query and the result of the group at hand. */
  readonly query: Local;
  readonly result: Local;
  /** Row 0 of the key head and of the value head at hand. */
  readonly key: Local;
  readonly value: Local;
  /** Rows that the token at hand sees. */
  readonly count: Local;
}

/** Adds `attention` and `attentionToRows`. */
export function addAttention(
  module: ModuleBuilder,
  uses: Readonly<Record<'attendRows' | 'attendTile' | 'gatherRows', FunctionRef>>,
): void {
  module.addFunction('attention', { params: KERNELS.attention, exported: true }, (f, p) =>
    attendSequences(makeSite(f, p, uses.attendRows), p, uses.attendTile),
  );
  const spec = { params: KERNELS.attentionToRows, exported: true };
  module.addFunction('attentionToRows', spec, (f, p) =>
    attendChosen(makeSite(f, p, uses.attendRows), p, uses.gatherRows),
  );
}

function makeSite(f: FunctionBuilder, p: Params, attendRows: FunctionRef): Site {
  return {
    ...p,
    f,
    attendRows,
    query: f.local('i32', 'query'),
    result: f.local('i32', 'result'),
    key: f.local('i32', 'key'),
    value: f.local('i32', 'value'),
    count: f.local('i32', 'count'),
  };
}

type Sequences = Readonly<Record<'positions' | 'first' | 'tileTokens', Local>>;

/** Sequence by sequence, and of those tile by tile of tokens; a token that is left over goes by itself. */
function attendSequences(
  site: Site,
  { positions, first, tileTokens }: Sequences,
  attendTile: FunctionRef,
): void {
  const { f, B, T, count, keys, values, key, value } = site;
  const [b, t, tokens] = [f.local('i32'), f.local('i32'), f.local('i32', 'tokens')];
  f.i32(0).set(tokens);
  f.forLoop(b, 0, B, 1, () => {
    pushPosition(f, positions, b).get(first).emit('i32.add').i32(1).emit('i32.add').set(count);
    f.forLoop(t, 0, T, tokens, () => {
      f.get(T).get(t).emit('i32.sub').tee(tokens).get(tileTokens);
      f.get(tokens).get(tileTokens).emit('i32.lt_u').emit('select').set(tokens);
      f.get(keys).set(key);
      f.get(values).set(value);
      f.get(tokens).i32(1).emit('i32.gt_u');
      f.if(
        () => attendTiles(site, tokens, attendTile),
        () => attendGroups(site),
      );
      f.advance(count, tokens);
    });
    advanceElements(f, keys, site.capacity, site.keyStep);
    advanceElements(f, values, site.capacity, site.valueStep);
  });
}

/** All groups of some tokens; moves on to the token after them. */
function attendTiles(site: Site, tokens: Local, attendTile: FunctionRef): void {
  const { f, q, query, out, result, key, value, shared, keyWidth, valueWidth } = site;
  const g = f.local('i32');
  f.get(q).set(query);
  f.get(out).set(result);
  f.forLoop(g, 0, site.G, 1, () => {
    f.get(query).get(site.qStep).get(key).get(site.keyStep).get(value).get(site.valueStep);
    f.get(site.scores).get(site.scoreStride).get(result).get(site.outStep).get(tokens);
    f.get(shared).get(site.count).get(keyWidth).get(valueWidth).get(site.scale);
    f.emit('call', attendTile);
    advanceElements(f, query, shared, keyWidth);
    advanceElements(f, result, shared, valueWidth);
    advanceElements(f, key, keyWidth);
    advanceElements(f, value, site.valueStride);
  });
  advanceElements(f, q, tokens, site.qStep);
  advanceElements(f, out, tokens, site.outStep);
}

type Chosen = Readonly<Record<'chosen' | 'chosenKeys' | 'chosenValues' | 'topK', Local>>;

function attendChosen(
  site: Site,
  { chosen, chosenKeys, chosenValues, topK }: Chosen,
  gatherRows: FunctionRef,
): void {
  const { f, B, T, capacity, count, keys, values, key, value } = site;
  const [b, t] = [f.local('i32'), f.local('i32')];
  const pushGathered = (source: Local, step: Local, target: Local): FunctionBuilder =>
    f
      .get(chosen)
      .get(topK)
      .get(capacity)
      .get(source)
      .get(step)
      .get(target)
      .emit('call', gatherRows);
  f.forLoop(b, 0, B, 1, () => {
    f.forLoop(t, 0, T, 1, () => {
      pushGathered(keys, site.keyStep, chosenKeys).set(count);
      f.get(chosenKeys).get(chosenValues).emit('i32.ne');
      f.if(() => pushGathered(values, site.valueStep, chosenValues).emit('drop'));
      f.get(chosenKeys).set(key);
      f.get(chosenValues).set(value);
      attendGroups(site);
      advanceElements(f, chosen, topK);
    });
    advanceElements(f, keys, capacity, site.keyStep);
    advanceElements(f, values, capacity, site.valueStep);
  });
}

/** All groups of one token; moves on to the next token. */
function attendGroups(site: Site): void {
  const { f, q, query, out, result } = site;
  const g = f.local('i32');
  f.get(q).set(query);
  f.get(out).set(result);
  f.forLoop(g, 0, site.G, 1, () => attendGroup(site));
  advanceElements(f, q, site.qStep);
  advanceElements(f, out, site.outStep);
}

/** The heads of one group of one token; moves on to the next. */
function attendGroup(site: Site): void {
  const { f, query, key, value, result, shared, keyWidth, valueWidth, valueStride } = site;
  f.get(query).get(key).get(site.keyStep).get(value).get(site.valueStep);
  f.get(site.scores).get(site.scoreStride).get(result).get(shared).get(site.count);
  f.get(keyWidth).get(valueWidth).get(site.scale).i32(0).emit('call', site.attendRows);
  advanceElements(f, query, shared, keyWidth);
  advanceElements(f, result, shared, valueWidth);
  advanceElements(f, key, keyWidth);
  advanceElements(f, value, valueStride);
}

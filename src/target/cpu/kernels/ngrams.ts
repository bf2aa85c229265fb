/** Rows of tables by hash of the last tokens, in 64 bits that wrap around. */
import type { FunctionBuilder, Local, ModuleBuilder } from '../../../wasm/index.ts';
import { KERNELS } from './kernels.table.ts';
import { pushPosition } from './movement.ts';
import { ELEMENT_BYTES, pushRow, pushSum, scaleToBytes } from './vectors.ts';

const HASH_BYTES = 8;

/** Adds `ngramIds`, `ngramHashes` and `ngramRows`. */
export function addNgrams(module: ModuleBuilder): void {
  addIds(module);
  addHashes(module);
  addRows(module);
}

/** Pops a token and pushes its id. */
function pushId(f: FunctionBuilder, classes: Local): FunctionBuilder {
  const token = f.local('i32');
  f.set(token);
  return f.get(classes).if(
    () => pushRow(f, classes, token, ELEMENT_BYTES).emit('f32.load').emit('i32.trunc_sat_f32_s'),
    () => f.get(token),
    'i32',
  );
}

function addIds(module: ModuleBuilder): void {
  const spec = { params: KERNELS.ngramIds, exported: true };
  module.addFunction('ngramIds', spec, (f, p) => {
    const { state, tokens, classes, positions, ids, B, T, past } = p;
    const [b, i, start] = [f.local('i32', 'b'), f.local('i32', 'i'), f.local('i32', 'start')];
    f.get(p.padding);
    pushId(f, classes).set(start);
    f.forLoop(b, 0, B, 1, () => {
      f.forLoop(i, 0, past, 1, () => {
        pushRow(f, ids, i, ELEMENT_BYTES);
        pushPosition(f, positions, b).if(
          () => pushRow(f, state, i, ELEMENT_BYTES).emit('f32.load').emit('i32.trunc_sat_f32_s'),
          () => f.get(start),
          'i32',
        );
        f.emit('i32.store');
      });
      pushRow(f, ids, past, ELEMENT_BYTES).set(ids);
      f.forLoop(i, 0, T, 1, () => {
        f.get(ids).get(tokens).emit('i32.load');
        pushId(f, classes).emit('i32.store');
        f.advance(ids, ELEMENT_BYTES).advance(tokens, ELEMENT_BYTES);
      });
      f.forLoop(i, 0, past, 1, () => {
        f.get(state).get(ids).get(past).get(i).emit('i32.sub').i32(ELEMENT_BYTES).emit('i32.mul');
        f.emit('i32.sub').emit('i32.load').emit('f32.convert_i32_s').emit('f32.store');
        f.advance(state, ELEMENT_BYTES);
      });
    });
  });
}

function addHashes(module: ModuleBuilder): void {
  const spec = { params: KERNELS.ngramHashes, exported: true };
  module.addFunction('ngramHashes', spec, (f, p) => {
    const { ids, hashes, B, T, past, back } = p;
    const [b, t, id] = [f.local('i32', 'b'), f.local('i32', 't'), f.local('i32', 'id')];
    const [end, multiplier] = [f.local('i32', 'end'), f.local('i64', 'multiplier')];
    f.get(p.high).emit('i64.extend_i32_u').emit('i64.const', 32n).emit('i64.shl');
    f.get(p.low).emit('i64.extend_i32_u').emit('i64.or').set(multiplier);
    f.get(p.padding);
    pushId(f, p.classes).set(end);
    scaleToBytes(f, past, back);
    f.forLoop(b, 0, B, 1, () => {
      f.advance(ids, past);
      f.forLoop(t, 0, T, 1, () => {
        f.get(ids).get(back).emit('i32.sub').emit('i32.load').set(id);
        f.get(p.endsText).if(() => hideEnded(f, { ids, back, end, id }));
        f.get(hashes).get(id).emit('i64.extend_i32_s').get(multiplier).emit('i64.mul');
        f.get(back).if(
          () => f.get(hashes).emit('i64.load'),
          () => f.emit('i64.const', 0n),
          'i64',
        );
        f.emit('i64.xor').emit('i64.store');
        f.advance(ids, ELEMENT_BYTES).advance(hashes, HASH_BYTES);
      });
    });
  });
}

/** Sets `id` to `end` if one between it and the newest, which is at `ids`, is that; `back` in bytes. */
function hideEnded(
  f: FunctionBuilder,
  { ids, back, end, id }: Readonly<Record<'ids' | 'back' | 'end' | 'id', Local>>,
): void {
  const offset = f.local('i32');
  f.forLoop(offset, ELEMENT_BYTES, back, ELEMENT_BYTES, () => {
    f.get(ids).get(offset).emit('i32.sub').emit('i32.load').get(end).emit('i32.eq');
    f.if(() => f.get(end).set(id));
  });
}

function addRows(module: ModuleBuilder): void {
  const spec = { params: KERNELS.ngramRows, exported: true };
  module.addFunction('ngramRows', spec, (f, { hashes, out, outStride, rows, modulus, first }) => {
    const [row, rest] = [f.local('i32', 'row'), f.local('i32', 'rest')];
    scaleToBytes(f, outStride);
    f.forLoop(row, 0, rows, 1, () => {
      f.get(hashes).emit('i64.load').get(modulus).emit('i64.extend_i32_u').emit('i64.rem_s');
      f.emit('i32.wrap_i64').set(rest);
      f.get(rest)
        .i32(0)
        .emit('i32.lt_s')
        .if(() => f.advance(rest, modulus));
      pushSum(f.get(out), first, rest).emit('i32.store');
      f.advance(hashes, HASH_BYTES).advance(out, outStride);
    });
  });
}

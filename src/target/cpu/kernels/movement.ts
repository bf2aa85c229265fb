/** Kernels that move data and compute nothing. */
import type { FunctionBuilder, FunctionRef, Local, ModuleBuilder } from '../../../wasm/index.ts';
import { KERNELS } from './kernels.table.ts';
import { ELEMENT_BYTES, pushProduct, pushRow, scaleToBytes } from './vectors.ts';

/** Adds `copyRows`, `append`, `appendEntries`, `embedding` and `transpose`. */
export function addMovement(module: ModuleBuilder): void {
  addCopyRows(module);
  addAppend(module);
  addAppendEntries(module);
  addEmbedding(module);
  addTranspose(module);
}

function addCopyRows(module: ModuleBuilder): void {
  const spec = { params: KERNELS.copyRows, exported: true };
  module.addFunction('copyRows', spec, (f, { x, xStride, out, outStride, rows, size }) => {
    const row = f.local('i32', 'row');
    scaleToBytes(f, xStride, outStride, size);
    f.forLoop(row, 0, rows, 1, () => {
      f.get(out).get(x).get(size).emit('memory.copy');
      f.advance(x, xStride).advance(out, outStride);
    });
  });
}

function addAppend(module: ModuleBuilder): void {
  const spec = { params: KERNELS.append, exported: true };
  module.addFunction('append', spec, (f, { x, positions, state, B, T, capacity, size }) => {
    const b = f.local('i32', 'b');
    const newBytes = f.local('i32', 'newBytes');
    scaleToBytes(f, size);
    pushProduct(f, T, size).set(newBytes);
    f.forLoop(b, 0, B, 1, () => {
      pushPosition(f, positions, b);
      f.get(b).get(capacity).emit('i32.mul').emit('i32.add').get(size).emit('i32.mul');
      f.get(state).emit('i32.add').get(x).get(newBytes).emit('memory.copy');
      f.advance(x, newBytes);
    });
  });
}

function addAppendEntries(module: ModuleBuilder): void {
  const spec = { params: KERNELS.appendEntries, exported: true };
  module.addFunction('appendEntries', spec, (f, p) => {
    const { x, positions, state, B, T, capacity, size, tokensPerRow } = p;
    const [b, t, end] = [f.local('i32', 'b'), f.local('i32', 't'), f.local('i32', 'end')];
    scaleToBytes(f, size);
    f.forLoop(b, 0, B, 1, () => {
      pushPosition(f, positions, b).set(end);
      f.forLoop(t, 0, T, 1, () => {
        f.advance(end, 1);
        f.get(end).get(tokensPerRow).emit('i32.rem_u').emit('i32.eqz');
        f.if(() => {
          f.get(state).get(end).get(tokensPerRow).emit('i32.div_u').i32(1).emit('i32.sub');
          f.get(size).emit('i32.mul').emit('i32.add').get(x).get(size).emit('memory.copy');
        });
        f.advance(x, size);
      });
      pushRow(f, state, capacity, size).set(state);
    });
  });
}

const GATHER_PARAMS = {
  chosen: 'i32',
  topK: 'i32',
  limit: 'i32',
  source: 'i32',
  size: 'i32',
  target: 'i32',
} as const;

/**
 * Adds gatherRows(chosen, topK, limit, source, size, target) → i32: copies the rows of `size` elements
 * whose indices i32 [topK] are from 0 to below `limit`, and gives how many those are.
 */
export function addGatherRows(module: ModuleBuilder): FunctionRef {
  const spec = { params: GATHER_PARAMS, results: ['i32'] } as const;
  return module.addFunction('gatherRows', spec, (f, p) => {
    const { chosen, topK, limit, source, size, target } = p;
    const [i, row, count] = [f.local('i32', 'i'), f.local('i32', 'row'), f.local('i32', 'count')];
    scaleToBytes(f, size);
    f.forLoop(i, 0, topK, 1, () => {
      pushRow(f, chosen, i, ELEMENT_BYTES).emit('i32.load').tee(row).get(limit).emit('i32.lt_u');
      f.if(() => {
        f.get(target);
        pushRow(f, source, row, size).get(size).emit('memory.copy');
        f.advance(target, size).advance(count, 1);
      });
    });
    f.get(count);
  });
}

/** Pushes how many tokens sequence b holds. */
export function pushPosition(f: FunctionBuilder, positions: Local, b: Local): FunctionBuilder {
  return pushRow(f, positions, b, ELEMENT_BYTES).emit('i32.load');
}

function addEmbedding(module: ModuleBuilder): void {
  const spec = { params: KERNELS.embedding, exported: true };
  module.addFunction('embedding', spec, (f, { tokens, table, out, rows, D }) => {
    const row = f.local('i32', 'row');
    scaleToBytes(f, D);
    f.forLoop(row, 0, rows, 1, () => {
      f.get(out);
      f.get(tokens).emit('i32.load').get(D).emit('i32.mul').get(table).emit('i32.add');
      f.get(D).emit('memory.copy');
      f.advance(tokens, ELEMENT_BYTES).advance(out, D);
    });
  });
}

function addTranspose(module: ModuleBuilder): void {
  const spec = { params: KERNELS.transpose, exported: true };
  module.addFunction('transpose', spec, (f, { x, out, planes, rows, columns }) => {
    const [plane, column, row] = [f.local('i32'), f.local('i32'), f.local('i32')];
    const from = f.local('i32', 'from');
    const columnBytes = f.local('i32', 'columnBytes');
    pushProduct(f, columns, ELEMENT_BYTES).set(columnBytes);
    f.forLoop(plane, 0, planes, 1, () => {
      f.forLoop(column, 0, columns, 1, () => {
        pushRow(f, x, column, ELEMENT_BYTES).set(from);
        f.forLoop(row, 0, rows, 1, () => {
          f.get(out).get(from).emit('f32.load').emit('f32.store');
          f.advance(out, ELEMENT_BYTES).advance(from, columnBytes);
        });
      });
      f.get(x);
      pushProduct(f, rows, columnBytes).emit('i32.add').set(x);
    });
  });
}

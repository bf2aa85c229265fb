/** Blocks of consecutive tokens: the rows that chosen ones stand for. */
import type { ModuleBuilder } from '../../../wasm/index.ts';
import { KERNELS } from './kernels.table.ts';
import { pushPosition } from './movement.ts';
import { advanceElements, ELEMENT_BYTES, pushProduct, pushRow } from './vectors.ts';

const NO_ROW = -1;

/** Adds `blockRows`. */
export function addBlocks(module: ModuleBuilder): void {
  const spec = { params: KERNELS.blockRows, exported: true };
  module.addFunction('blockRows', spec, (f, p) => {
    const { blocks, positions, out, B, T, k, tokensPerRow } = p;
    const [b, t, seen] = [f.local('i32', 'b'), f.local('i32', 't'), f.local('i32', 'seen')];
    const [i, row, last] = [f.local('i32', 'i'), f.local('i32', 'row'), f.local('i32', 'last')];
    const end = f.local('i32', 'end');
    const push = (): void => {
      f.get(out).get(row).emit('i32.store');
      f.advance(out, ELEMENT_BYTES);
    };
    f.forLoop(b, 0, B, 1, () => {
      pushPosition(f, positions, b).set(seen);
      f.forLoop(t, 0, T, 1, () => {
        f.advance(seen, 1);
        f.get(k).i32(1).emit('i32.add').get(tokensPerRow).emit('i32.mul').set(end);
        pushRow(f, out, end, ELEMENT_BYTES).i32(ELEMENT_BYTES).emit('i32.sub').set(end);
        f.forLoop(i, 0, k, 1, () => {
          pushRow(f, blocks, i, ELEMENT_BYTES).emit('i32.load').tee(row).i32(0).emit('i32.ge_s');
          f.if(() => {
            pushProduct(f, row, tokensPerRow).tee(row).get(tokensPerRow).emit('i32.add').set(last);
            f.forLoop(row, row, last, 1, push);
          });
        });
        f.get(seen).get(seen).get(tokensPerRow).emit('i32.rem_u').emit('i32.sub').set(row);
        f.forLoop(row, row, seen, 1, push);
        f.forLoop(out, out, end, ELEMENT_BYTES, () => f.get(out).i32(NO_ROW).emit('i32.store'));
        advanceElements(f, blocks, k);
      });
    });
  });
}

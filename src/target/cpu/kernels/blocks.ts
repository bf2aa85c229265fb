/** Blocks of consecutive tokens: the mean of each, and the rows that chosen ones stand for. */
import { type FunctionBuilder, type Local, type ModuleBuilder } from '../../../wasm/index.ts';
import { KERNELS } from './kernels.table.ts';
import { pushPosition } from './movement.ts';
import {
  advanceElements,
  ELEMENT_BYTES,
  forRow,
  pushProduct,
  pushRow,
  pushSplat,
  pushSum,
  scaleToBytes,
} from './vectors.ts';

const NO_ROW = -1;

/** Adds `blockMeans` and `blockRows`. */
export function addBlocks(module: ModuleBuilder): void {
  addBlockMeans(module);
  addBlockRows(module);
}

function addBlockMeans(module: ModuleBuilder): void {
  const spec = { params: KERNELS.blockMeans, exported: true };
  module.addFunction('blockMeans', spec, (f, p) => {
    const { state, positions, out, B, T, S, capacity, size, tokensPerRow } = p;
    const [b, block, blocks] = [f.local('i32', 'b'), f.local('i32', 'block'), f.local('i32')];
    const [from, to] = [f.local('i32', 'from'), f.local('i32', 'to')];
    scaleToBytes(f, size);
    f.get(out).i32(0);
    pushProduct(f, B, S, size).emit('memory.fill');
    f.forLoop(b, 0, B, 1, () => {
      pushPosition(f, positions, b).get(T).emit('i32.add');
      f.get(tokensPerRow).emit('i32.div_u').set(blocks);
      f.get(state).set(from).get(out).set(to);
      f.forLoop(block, 0, blocks, 1, () => {
        writeMean(f, { from, to, size, tokensPerRow });
        f.get(from);
        pushProduct(f, tokensPerRow, size).emit('i32.add').set(from);
        f.advance(to, size);
      });
      pushRow(f, state, capacity, size).set(state);
      pushRow(f, out, S, size).set(out);
    });
  });
}

/** One mean, some channels at a time: the sum of the rows, each times its share. */
function writeMean(
  f: FunctionBuilder,
  {
    from,
    to,
    size,
    tokensPerRow,
  }: Readonly<Record<'from' | 'to' | 'size' | 'tokensPerRow', Local>>,
): void {
  const [i, row] = [f.local('i32'), f.local('i32')];
  const [share, sum] = [f.local('v128'), f.local('v128')];
  pushSplat(f, 1).get(tokensPerRow).emit('f32.convert_i32_u').emit('f32x4.splat');
  f.emit('f32x4.div').set(share);
  forRow(f, size, (offset, { load, store }) => {
    pushSplat(f, 0).set(sum);
    pushSum(f, from, offset).set(row);
    f.forLoop(i, 0, tokensPerRow, 1, () => {
      load(f.get(row)).get(share).emit('f32x4.mul').get(sum).emit('f32x4.add').set(sum);
      f.advance(row, size);
    });
    store(pushSum(f, to, offset).get(sum));
  });
}

function addBlockRows(module: ModuleBuilder): void {
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

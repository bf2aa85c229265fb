/** Rotary embedding of halves of heads, with the bits of WebAssembly (../kernels/rows.ts): nothing is fused. */
import { at, type Assembler, type General, type Vector } from '../../../x86/index.ts';

/**
 * Arguments: addresses; `rows` rows of `heads` heads, the first and the second halves of each `vectors` vectors of sixteen
 * elements, which take `halfBytes`. None is zero. Each row has `vectors` of cosines and of sines.
 */
export const ROTARY = [
  ...(['x', 'cos', 'sin', 'out', 'rows', 'heads', 'vectors', 'halfBytes'] as const),
];

const LINE_BYTES = 64;

/** Adds `rotaryEmbedding`. */
export function addRotary(assembler: Assembler): void {
  assembler.addFunction('rotaryEmbedding', ROTARY, (f, block) => {
    const [x, cos, sin, out] = f.load(block.x, block.cos, block.sin, block.out) as General[] as [
      General,
      General,
      General,
      General,
    ];
    const [rows, half] = f.load(block.rows, block.halfBytes) as [General, General];
    const [heads, vectors, angle] = [f.general(), f.general(), f.general()];
    const [first, second, product, other] = f.vectors(512, 4) as [Vector, Vector, Vector, Vector];
    f.repeat(rows, () => {
      f.emit('mov', heads, block.heads).repeat(heads, () => {
        f.emit('mov', vectors, block.vectors).emit('xor', angle, angle);
        f.repeat(vectors, () => {
          f.emit('vmovups', first, at(x)).emit('vmovups', second, at(x, 0, half));
          f.emit('vmulps', product, first, at(cos, 0, angle));
          f.emit('vmulps', other, second, at(sin, 0, angle));
          f.emit('vsubps', product, product, other).emit('vmovups', at(out), product);
          f.emit('vmulps', product, second, at(cos, 0, angle));
          f.emit('vmulps', other, first, at(sin, 0, angle));
          f.emit('vaddps', product, product, other).emit('vmovups', at(out, 0, half), product);
          for (const place of [x, out, angle]) f.emit('add', place, LINE_BYTES);
        });
        f.emit('add', x, half).emit('add', out, half);
      });
      f.emit('add', cos, half).emit('add', sin, half);
    });
  });
}

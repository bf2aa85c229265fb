/** Kernels that go along rows: sums of two, root-mean-square normalisation, the index of the largest. */
import { at, half, mask, type Assembler, type General, type Vector } from '../../../x86/index.ts';
import { Constants, emitReduce } from './lanes.ts';

/** Arguments: addresses, and vectors of sixteen elements, at least one. */
export const ADD = [...(['a', 'b', 'out', 'vectors'] as const)];

/** Arguments: addresses; `rows` rows of `vectors` vectors of sixteen elements; their elements and epsilon as f32. None is zero. */
export const RMS_NORMALIZATION = [
  ...(['x', 'w', 'out', 'rows', 'vectors', 'elements', 'epsilon'] as const),
];

/** Arguments: addresses; `rows` rows of `vectors` vectors of sixteen elements. None is zero. */
export const ARG_MAX = [...(['x', 'out', 'rows', 'vectors'] as const)];

const LINE_BYTES = 64;
const LANES = 16;
const FOUND = mask(1);
const EQUAL = 0;

/** Adds `add`, `rmsNormalization` and `argMax`. */
export function addRows(assembler: Assembler): void {
  addAdd(assembler);
  addRmsNormalization(assembler);
  addArgMax(assembler);
}

function addAdd(assembler: Assembler): void {
  assembler.addFunction('add', ADD, (f, block) => {
    const [a, b, out, vectors] = f.load(block.a, block.b, block.out, block.vectors) as [
      General,
      General,
      General,
      General,
    ];
    const sum = f.vector(512);
    f.repeat(vectors, () => {
      f.emit('vmovups', sum, at(a)).emit('vaddps', sum, sum, at(b)).emit('vmovups', at(out), sum);
      for (const place of [a, b, out]) f.emit('add', place, LINE_BYTES);
    });
  });
}

/** out = x / √(Σx²/D + ε) · w. Squares are summed in sixteen lanes, then over them: WebAssembly has four. */
function addRmsNormalization(assembler: Assembler): void {
  const constants = new Constants(assembler, [1]);
  assembler.addFunction('rmsNormalization', RMS_NORMALIZATION, (f, block) => {
    const [x, w, out, rows] = f.load(block.x, block.w, block.out, block.rows) as [
      General,
      General,
      General,
      General,
    ];
    const [offset, vectors] = [f.general(), f.general()];
    const [sum, value, one] = f.vectors(512, 3) as [Vector, Vector, Vector];
    const [elements, epsilon] = f.vectors(512, 2) as [Vector, Vector];
    f.emit('vbroadcastss', one, constants.one(1)).emit('vbroadcastss', elements, block.elements);
    f.emit('vbroadcastss', epsilon, block.epsilon).repeat(rows, () => {
      f.emit('vpxord', sum, sum, sum).emit('xor', offset, offset);
      f.emit('mov', vectors, block.vectors).repeat(vectors, () => {
        f.emit('vmovups', value, at(x, 0, offset)).emit('vfmadd231ps', sum, value, value);
        f.emit('add', offset, LINE_BYTES);
      });
      emitReduce(f, 'vaddps', sum);
      f.emit('vdivps', sum, sum, elements).emit('vaddps', sum, sum, epsilon);
      f.emit('vsqrtps', sum, sum).emit('vdivps', sum, one, sum).emit('xor', offset, offset);
      f.emit('mov', vectors, block.vectors).repeat(vectors, () => {
        f.emit('vmulps', value, sum, at(x, 0, offset));
        f.emit('vmulps', value, value, at(w, 0, offset));
        f.emit('vmovups', at(out, 0, offset), value).emit('add', offset, LINE_BYTES);
      });
      f.emit('add', x, offset).emit('add', out, offset);
    });
  });
}

/** out: the first of the largest of a row; 0 where nothing exceeds −infinity. What is no number is less than all. */
function addArgMax(assembler: Assembler): void {
  const constants = new Constants(assembler, [-Infinity]);
  assembler.addFunction('argMax', ARG_MAX, (f, block) => {
    const [x, out, rows] = f.load(block.x, block.out, block.rows) as [General, General, General];
    const [from, vectors, index, bits] = [f.general(), f.general(), f.general(), f.general()];
    const [value, largest] = f.vectors(512, 2) as [Vector, Vector];
    f.repeat(rows, () => {
      const [found, lane, store] = [f.label('found'), f.label('lane'), f.label('store')];
      f.emit('vbroadcastss', largest, constants.one(-Infinity)).emit('mov', from, x);
      f.emit('mov', vectors, block.vectors).repeat(vectors, () => {
        f.emit('vmovups', value, at(from)).emit('vmaxps', largest, value, largest);
        f.emit('add', from, LINE_BYTES);
      });
      emitReduce(f, 'vmaxps', largest);
      f.emit('xor', index, index);
      f.emit('vcmpps', FOUND, largest, constants.every(-Infinity), EQUAL);
      f.emit('kmovw', half(bits), FOUND).emit('test', bits, bits).emit('jne', store);
      f.emit('mov', from, x)
        .emit('mov', vectors, block.vectors)
        .repeat(vectors, () => {
          f.emit('vcmpps', FOUND, largest, at(from), EQUAL).emit('kmovw', half(bits), FOUND);
          f.emit('test', bits, bits).emit('jne', found);
          f.emit('add', from, LINE_BYTES).emit('add', index, LANES);
        });
      f.emit('xor', index, index).emit('jmp', store);
      f.place(found).place(lane).emit('shr', bits, 1).emit('jb', store);
      f.emit('inc', index).emit('jmp', lane).place(store);
      f.emit('mov', at(out), half(index)).emit('add', out, 4);
      f.emit('mov', vectors, block.vectors).emit('shl', vectors, 6).emit('add', x, vectors);
    });
  });
}

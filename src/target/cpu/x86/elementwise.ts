/** Elementwise kernels that show in a profile. Like those of WebAssembly they may write up to a multiple of 64 bytes. */
import { at, type Assembler, type General, type Vector } from '../../../x86/index.ts';
import { EXACT_EXP_CONSTANTS, emitExactExp } from './exactExponential.ts';
import { Constants, emitExp, EXP_CONSTANTS } from './lanes.ts';

/** Arguments: addresses, vectors of sixteen elements, at least one, and an f32 in the cell's low half. */
export const SWIGLU = [...(['gate', 'up', 'out', 'vectors', 'limit'] as const)];

/** Arguments of a function of one number: addresses, and vectors of sixteen elements, at least one. */
export const ACTIVATION = [...(['x', 'out', 'vectors'] as const)];

/** Bytes of a vector. */
export const VECTOR_BYTES = 64;
/** exp is for arguments up to 88. */
const LARGEST = 88;

/** Adds `swiglu`, and `sigmoid` and `silu` with the bits of WebAssembly. */
export function addElementwise(assembler: Assembler): void {
  addSwiglu(assembler);
  addActivations(assembler);
}

function addActivations(assembler: Assembler): void {
  const constants = new Constants(assembler, EXACT_EXP_CONSTANTS);
  for (const name of ['sigmoid', 'silu'] as const) {
    assembler.addFunction(name, ACTIVATION, (f, block) => {
      const [from, out, vectors] = f.load(block.x, block.out, block.vectors) as [
        General,
        General,
        General,
      ];
      const [x, power, one] = f.vectors(512, 3) as [Vector, Vector, Vector];
      f.emit('vbroadcastss', one, constants.one(1)).repeat(vectors, () => {
        f.emit('vmovups', x, at(from)).emit('vpxord', power, power, power);
        f.emit('vsubps', power, power, x);
        emitExactExp(f, constants, power);
        f.emit('vaddps', power, one, power).emit('vdivps', power, one, power);
        if (name === 'silu') f.emit('vmulps', power, x, power);
        f.emit('vmovups', at(out), power);
        f.emit('add', from, VECTOR_BYTES).emit('add', out, VECTOR_BYTES);
      });
    });
  }
}

/** out = gate / (1 + exp(−gate)) · up, gate at most `limit` and up within ±limit. */
function addSwiglu(assembler: Assembler): void {
  const constants = new Constants(assembler, [...EXP_CONSTANTS, LARGEST]);
  assembler.addFunction('swiglu', SWIGLU, (f, block) => {
    const [gate, up, out, vectors] = f.load(
      ...[block.gate, block.up, block.out, block.vectors],
    ) as [General, General, General, General];
    const [x, power, one] = f.vectors(512, 3) as [Vector, Vector, Vector];
    const [highest, lowest] = f.vectors(512, 2) as [Vector, Vector];
    f.emit('vbroadcastss', highest, block.limit).emit('vpxord', lowest, lowest, lowest);
    f.emit('vsubps', lowest, lowest, highest);
    f.emit('vbroadcastss', one, constants.one(1)).repeat(vectors, () => {
      f.emit('vminps', x, highest, at(gate)).emit('vpxord', power, power, power);
      f.emit('vsubps', power, power, x).emit('vminps', power, power, constants.every(LARGEST));
      emitExp(f, constants, power);
      f.emit('vaddps', power, power, one).emit('vdivps', x, x, power);
      f.emit('vminps', power, highest, at(up)).emit('vmaxps', power, power, lowest);
      f.emit('vmulps', x, x, power).emit('vmovups', at(out), x);
      for (const pointer of [gate, up, out]) f.emit('add', pointer, VECTOR_BYTES);
    });
  });
}

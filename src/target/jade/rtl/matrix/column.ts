/**
 * A column of the array: 32 weights in use, 32 being loaded, and the dot product of the weights in use
 * with the activation block that all columns see, rounded to f32 and added to an accumulator.
 */
import {
  defineModule,
  joinLanes,
  type Module,
  type ModuleBuilder,
  type Signal,
} from '../../../../hdl/index.ts';
import { dotBlock, type DotFormats } from '../arith/dot.ts';
import { addF32 } from '../arith/float.ts';
import { pipelined } from '../arith/pipeline.ts';
import type { MatrixShape } from './matrixShape.ts';

export const COLUMN_INPUTS = {
  /** A step of the loader: the scale and 32 elements of a block, or one element for one lane. */
  block: 264,
  writesBlock: 1,
  lane: 5,
  laneByte: 8,
  writesLane: 1,
  /** The loaded weights become those in use. */
  swap: 1,
  swapFormat: 1,
  activation: 264,
  /** The accumulator's value, in the cycle of the addend. */
  accumulated: 32,
} as const;

type Inputs = { readonly [K in keyof typeof COLUMN_INPUTS]: Signal };

/** 2^0 as E8M0: transposed weights have their scales in the activations. */
const UNIT_SCALE = 127;

export function column(
  shape: MatrixShape,
  formats: DotFormats,
): Module<typeof COLUMN_INPUTS, { sum: 32 }> {
  return defineModule({
    name: 'matrix_column',
    comment:
      'One output of the array: the dot product of 32 weights and an activation block, as f32, plus an accumulator.',
    keepHierarchy: true,
    inputs: COLUMN_INPUTS,
    outputs: { sum: 32 },
    body(inputs, m) {
      const { swap, activation } = inputs;
      const loaded = loadedWeights(m, inputs);
      const weights = m.delay('weights', loaded.elements, { enable: swap });
      const weightScale = m.delay('weightScale', loaded.scale, { enable: swap });
      const weightIsWeightFormat = m.delay('isWeightFormat', inputs.swapFormat, { enable: swap });
      const [activationScale, activations] = [activation.low(8), activation.high(256)];
      const operands = { activations, weights, activationScale, weightScale, weightIsWeightFormat };
      const addend = pipelined(m, 'dot', shape.dotStages, (cut) =>
        dotBlock(operands, formats, cut),
      );
      const { accumulated } = inputs;
      const sum = pipelined(m, 'add', shape.addStages, (cut) => addF32(accumulated, addend, cut));
      return { sum };
    },
  });
}

/** The shadow registers: written a block at a time, or a lane at a time. */
function loadedWeights(
  m: ModuleBuilder,
  { block, writesBlock, lane, laneByte, writesLane }: Inputs,
): { readonly elements: Signal; readonly scale: Signal } {
  const elements = block
    .high(256)
    .lanes(8)
    .map((element, i): Signal => {
      const byte = m.register(`loaded${i}`, 8);
      byte.set(writesLane.mux(laneByte, element), writesBlock.or(writesLane.and(lane.eq(i))));
      return byte;
    });
  const scale = m.register('loadedScale', 8);
  scale.set(writesLane.mux(UNIT_SCALE, block.low(8)), writesBlock.or(writesLane));
  return { elements: joinLanes(elements), scale };
}

/**
 * The next token of combine: reads its index from the list, and finds its gate and its row of sums. An
 * index outside of the rows counts as 0 and is a fault.
 */
import { defineModule, type ModuleBuilder, type Signal } from '../../../../hdl/index.ts';
import { ROW_BITS, type VectorWidths } from './shape.ts';

/** Cycles from `seek` to the addresses. */
export const TOKEN_CYCLES = 8;
/** The request of the index is in cycle 1, its word there in cycle 4, kept from cycle 5 on. */
const INDEX_ARRIVES = 4;

export function tokensModule({ addressBits }: VectorWidths) {
  return defineModule({
    name: 'vector_tokens',
    comment: 'Finds the gate and the sums of one token of combine after another.',
    inputs: {
      start: 1,
      list: addressBits,
      rows: ROW_BITS,
      gate: addressBits,
      gateStride: addressBits,
      d: addressBits,
      dStride: addressBits,
      seek: 1,
      controlData: 32,
    },
    outputs: {
      controlValid: 1,
      controlAddress: addressBits,
      valid: 1,
      gateAddress: addressBits,
      sumsAddress: addressBits,
      fault: 1,
    },
    body: (inputs, m) => findToken(m, inputs),
  });
}

type Inputs = Readonly<
  Record<
    'start' | 'list' | 'rows' | 'gate' | 'gateStride' | 'd' | 'dStride' | 'seek' | 'controlData',
    Signal
  >
>;

function findToken(m: ModuleBuilder, inputs: Inputs) {
  const { start, seek, controlData } = inputs;
  const keep = (name: keyof Inputs): Signal =>
    m.delay(`${name}Field`, inputs[name], { enable: start });
  const phases = [seek];
  while (phases.length < TOKEN_CYCLES) {
    phases.push(m.delay(`phase${phases.length}`, phases.at(-1)!, { reset: 0 }));
  }
  const request = phases[1]!;
  const entry = m.register('entry', inputs.list.width, { comment: 'of the list' });
  entry.set(start.mux(inputs.list, entry.add(4)), start.or(request));

  const arrives = phases[INDEX_ARRIVES]!;
  const inside = controlData.ltU(keep('rows').zeroExtend(32)).named('inside');
  const safe = controlData.low(ROW_BITS).and(inside.repeat(ROW_BITS));
  const index = m.delay('index', safe, { enable: arrives });
  // One multiplier for both strides, one after the other.
  const second = phases[INDEX_ARRIVES + 2]!;
  const stride = second.mux(keep('dStride'), keep('gateStride'));
  const product = index.mulU(stride).low(stride.width);
  const offset = m.delay('offset', product, { enable: phases[INDEX_ARRIVES + 1]!.or(second) });
  const gateAddress = m.delay('gateAddress', keep('gate').add(offset), { enable: second });
  return {
    controlValid: request,
    controlAddress: entry,
    valid: phases[TOKEN_CYCLES - 1]!,
    gateAddress,
    sumsAddress: keep('d').add(offset),
    fault: arrives.and(inside.not()),
  };
}

/**
 * How the chip's own memory is used. The scratchpad is split in three: `stream` (a ring for weights and
 * constants, which transfers fill ahead of use), `context` (a ring for transfers that depend on this
 * step's results: state and chosen experts) and `tensors` (activations). The matrix unit takes weights
 * from the first two and activations from the third, so no bank serves both. Counts and lists lie in
 * the `control` memory.
 */
import { ChipError } from '../../../base/index.ts';
import { type Chip } from '../../../chip/index.ts';
import { type Region } from '../../../compile/index.ts';
import { memoriesOf } from '../sim/banks.ts';

const known = new WeakMap<Chip, readonly Region[]>();

/** Half of the scratchpad's banks stream weights, a quarter hold context, a quarter activations. */
export function regionsOf(chip: Chip): readonly Region[] {
  const regions = known.get(chip) ?? divide(chip);
  known.set(chip, regions);
  return regions;
}

function divide(chip: Chip): Region[] {
  const { sizeBytes, banks } = chip.scratchpad;
  const bankBytes = sizeBytes / banks;
  if (banks < 4 || !Number.isInteger(bankBytes / 64)) {
    throw new ChipError(
      'the scratchpad must have at least 4 banks of a multiple of 64 bytes each',
      {
        where: `${chip.name}: scratchpad {sizeBytes: ${sizeBytes}, banks: ${banks}}`,
      },
    );
  }
  const quarter = Math.floor(banks / 4) * bankBytes;
  const stream = sizeBytes - 3 * quarter;
  const accumulatorBank = chip.accumulator.sizeBytes / chip.accumulator.banks;
  const { accumulators, 'control memory': control } = memoriesOf(chip);
  return [
    { name: 'stream', start: 0, sizeBytes: stream, bankBytes, policy: 'ring' },
    { name: 'context', start: stream, sizeBytes: quarter, bankBytes, policy: 'ring' },
    {
      name: 'tensors',
      start: stream + quarter,
      sizeBytes: 2 * quarter,
      bankBytes,
      policy: 'rotate',
    },
    {
      name: 'accumulator',
      start: accumulators.start,
      sizeBytes: chip.accumulator.sizeBytes,
      bankBytes: accumulatorBank,
      policy: 'rotate',
    },
    {
      name: 'control',
      start: control.start,
      sizeBytes: chip.control.sizeBytes,
      bankBytes: chip.control.sizeBytes,
      policy: 'ring',
    },
  ];
}

/**
 * How the chip's own memory is used. The scratchpad is split in three: `stream` (a ring for weights and
 * constants, which transfers fill ahead of use), `context` (a ring for transfers that depend on this
 * step's results: state and chosen experts) and `tensors` (activations). The matrix unit takes weights
 * from the first two and activations from the third, so no bank serves both. Counts and lists lie in
 * the `control` memory.
 */
import { ChipError } from '../../../base/index.ts';
import { type Chip } from '../../../chip/index.ts';
import { BUFFER_ALIGNMENT_BYTES, type Region } from '../../../compile/index.ts';
import { memoriesOf } from '../sim/banks.ts';

/**
 * A quarter of the scratchpad's banks stream weights, a quarter hold context, half activations. Throws
 * ChipError when there are too few banks for that, or banks do not consist of whole words.
 */
export function regionsOf(chip: Chip): Region[] {
  const { sizeBytes, banks } = chip.scratchpad;
  const bankBytes = sizeBytes / banks;
  requireBanks(chip, 'scratchpad', 4);
  requireBanks(chip, 'accumulator', 2);
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
      policy: 'pack',
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

/** Buffers start at scratchpad words of 64 bytes, in every bank. */
function requireBanks(chip: Chip, memory: 'scratchpad' | 'accumulator', leastBanks: number): void {
  const { sizeBytes, banks } = chip[memory];
  if (banks >= leastBanks && Number.isInteger(sizeBytes / banks / BUFFER_ALIGNMENT_BYTES)) return;
  throw new ChipError(
    `the ${memory} must have at least ${leastBanks} banks, each a multiple of ` +
      `${BUFFER_ALIGNMENT_BYTES} bytes, not ${banks} in ${sizeBytes} bytes`,
    {
      where: `${memory} of ${chip.name}`,
      hint: `use ${leastBanks} banks or more, and a multiple of ${BUFFER_ALIGNMENT_BYTES} bytes for each`,
    },
  );
}

/** What must hold between the instructions of a program: whose banks are whose, and sums that are complete. */
import { FormatError } from '../../../base/index.ts';
import type { Chip } from '../../../chip/index.ts';
import type { FieldsOf, Instruction } from '../isa.table.ts';
import { matmulOperands, overlap } from './access.ts';
import { banksOf } from './banks.ts';

/**
 * Throws FormatError when a bank of the scratchpad has activations and weights of one program, or when a
 * matmul may read sums that the one before it is still adding to.
 */
export function checkProgram(program: readonly Instruction[], chip: Chip): void {
  checkBanks(program, chip);
  checkSums(program);
}

function checkBanks(program: readonly Instruction[], chip: Chip): void {
  const uses = new Map<number, string>();
  program.forEach(({ op, fields }, index) => {
    if (op !== 'matmul') return;
    const { a, w } = matmulOperands(fields as FieldsOf<'matmul'>);
    for (const [use, ranges] of [
      ['activations', a],
      ['weights', w],
    ] as const) {
      for (const bank of banksOf(ranges, chip)) {
        const other = uses.get(bank) ?? use;
        uses.set(bank, use);
        if (other === use) continue;
        throw new FormatError(
          `bank ${bank} must serve activations or weights of a program, not both`,
          { where: `instruction ${index} (matmul)` },
        );
      }
    }
  });
}

function checkSums(program: readonly Instruction[]): void {
  let before: Instruction | undefined;
  program.forEach((instruction, index) => {
    if (instruction.op !== 'matmul') return;
    if (before !== undefined && readsSumsInFlight(instruction, before)) {
      throw new FormatError(
        'c must be that of the matmul before, with its cStride, or apart from it, where accumulate is set',
        { where: `instruction ${index} (matmul)` },
      );
    }
    before = instruction;
  });
}

/**
 * Whether a matmul adds to sums of the one before it in other places of its rows. Passes follow one
 * another without a pause, and a sum takes `accumulateCycles` to be seen: in the same place of both it is.
 */
export function readsSumsInFlight(matmul: Instruction, before: Instruction): boolean {
  const [f, g] = [matmul, before].map(({ fields }) => fields as FieldsOf<'matmul'>);
  if (f!.accumulate === 0 || (f!.c === g!.c && f!.cStride === g!.cStride)) return false;
  return overlap(matmulOperands(f!).c, matmulOperands(g!).c);
}

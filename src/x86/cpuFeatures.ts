/**
 * What vector instructions this processor and its operating system have, asked by emitted code [1, CPUID].
 *
 * [1] Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2
 */
import type { Assembler } from './assembler.ts';
import type { Level } from './function.ts';
import { at, GENERAL, half } from './operands.ts';

/** Vector instructions by set. */
export interface CpuFeatures {
  /**
   * What functions may use, the best first: AVX-512 F, BW, VL, DQ and VNNI; AVX2, FMA, F16C and AVX-VNNI; the same
   * without AVX-VNNI. Empty: nothing of these.
   */
  readonly levels: readonly Level[];
  /** AVX-512 BF16 besides. */
  readonly bf16: boolean;
}

/** Name of the function that `addCpuFeatures` adds. */
export const CPU_FEATURES = 'cpuFeatures';

/** Cells that the function writes: ecx of leaf 1, ebx and ecx of leaf 7, eax of leaf 7.1, and XCR0. */
export const FEATURE_CELLS = 5;

const { rax, rcx, rdx, rbx, rdi, r8 } = GENERAL;

/** Adds `cpuFeatures(cells)`, which writes `FEATURE_CELLS` cells at the block itself. */
export function addCpuFeatures(assembler: Assembler): void {
  assembler.addFunction(CPU_FEATURES, [], (f) => {
    const ask = (leaf: number, subleaf: number): void => {
      f.emit('mov', rax, leaf).emit('mov', rcx, subleaf).emit('cpuid');
    };
    f.emit('mov', r8, rbx); // cpuid overwrites rbx, which belongs to the caller
    ask(1, 0);
    f.emit('mov', at(rdi, 0), rcx);
    ask(7, 0);
    f.emit('mov', at(rdi, 8), rbx).emit('mov', at(rdi, 16), rcx);
    ask(7, 1);
    f.emit('mov', at(rdi, 24), rax).emit('mov', rbx, r8);
    // Without OSXSAVE (bit 27) xgetbv does not exist, and the vectors are not saved.
    const end = f.label('end');
    f.emit('mov', at(rdi, 32), 0).emit('mov', rax, at(rdi, 0));
    f.emit('and', rax, 1 << 27).emit('je', end);
    f.emit('xor', half(rcx), half(rcx)).emit('xgetbv').emit('shl', rdx, 32).emit('or', rax, rdx);
    f.emit('mov', at(rdi, 32), rax).place(end);
  });
}

/** What the cells mean. */
export function decodeFeatures(cells: BigUint64Array): CpuFeatures {
  const [leaf1c, leaf7b, leaf7c, leaf71a, xcr0] = Array.from(cells, Number) as [
    ...[number, number, number, number, number],
  ];
  const avx2 = has(leaf1c, 12, 28, 29) && has(leaf7b, 5, 8) && has(xcr0, 1, 2);
  const avx512 = avx2 && has(leaf7b, 16, 17, 30, 31) && has(leaf7c, 11) && has(xcr0, 5, 6, 7);
  const avxVnni = avx2 && has(leaf71a, 4);
  return {
    levels: [
      ...(avx512 ? (['avx512'] as const) : []),
      ...(avxVnni ? (['avxVnni'] as const) : []),
      ...(avx2 ? (['avx2'] as const) : []),
    ],
    bf16: avx512 && has(leaf71a, 5),
  };
}

function has(word: number, ...bits: readonly number[]): boolean {
  return bits.every((bit) => (word / 2 ** bit) & 1);
}

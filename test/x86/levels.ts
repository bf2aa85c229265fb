/** The levels of machine code, and whether functions of them run here. */
import { Assembler, loadLibrary, type Level, type NativeLibrary } from '../../src/x86/index.ts';
import { skip } from './workbench.ts';

export const LEVELS: readonly Level[] = ['avx512', 'avxVnni', 'avx2'];

/** Functions of a level. */
export interface LevelKernels {
  readonly level: Level;
  readonly library: NativeLibrary;
}

/** The functions that `add` adds for AVX-512, and why they cannot run here, if they cannot. */
export function wideKernels(
  add: (assembler: Assembler) => void,
): readonly [NativeLibrary, false | string] {
  if (skip) return [undefined!, skip];
  const assembler = new Assembler();
  add(assembler);
  const library = loadLibrary(assembler);
  const runs = library.features.levels.includes('avx512');
  return [library, runs ? false : 'this processor has no AVX-512 VNNI'];
}

/** The functions that `add` adds, at each level that runs here; and where none does, why. */
export function kernelsByLevel(
  add: (assembler: Assembler) => void,
): readonly [readonly LevelKernels[], false | string] {
  if (skip) return [[], skip];
  const kernels = LEVELS.map((level) => {
    const assembler = new Assembler(level);
    add(assembler);
    return { level, library: loadLibrary(assembler) };
  });
  const here = kernels.filter(({ level, library }) => library.features.levels.includes(level));
  return [here, here.length > 0 ? false : 'this processor has neither AVX-512 VNNI nor AVX2'];
}

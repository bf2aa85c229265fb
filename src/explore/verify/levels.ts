/** A chip at three levels: closed form (L0), tile events (L1) and the simulator (L2), on layer programs. */
import { CeladonError } from '../../base/index.ts';
import type { Chip } from '../../chip/index.ts';
import { loadLevelComparison, type LevelCycles } from '../../target/jade/index.ts';
import type { LayerProgram } from './layers.ts';

/** A layer on one chip: L0 is compared with L1, and L1 with the simulator. */
export interface LevelRow extends LevelCycles {
  readonly layer: string;
  /** Shares of the cycles of the level below: −0.02 where it says 2 % too few. */
  readonly l0Error: number;
  readonly l1Error: number;
}

/** A layer that the chip or one of its levels cannot run, and why. */
export interface RefusedLayer {
  readonly layer: string;
  readonly reason: string;
}

export interface LevelReport {
  readonly rows: readonly LevelRow[];
  readonly refused: readonly RefusedLayer[];
}

/** Cycles of each program at each level; `onLayer` hears of each before it starts. */
export async function verifyLevels(
  chip: Chip,
  programs: readonly LayerProgram[],
  onLayer: (name: string) => void = () => {},
): Promise<LevelReport> {
  const { compareLevels } = await loadLevelComparison();
  const rows: LevelRow[] = [];
  const refused: RefusedLayer[] = [];
  const core = { ...chip, cores: 1 }; // a layer program is that of one core
  for (const { name, graph, tokens, contextTokens } of programs) {
    onLayer(name);
    try {
      const cycles = compareLevels(core, graph, { tokens, contextTokens });
      const { l0Cycles, l1Cycles, l2Cycles } = cycles;
      const [l0Error, l1Error] = [l0Cycles / l1Cycles - 1, l1Cycles / l2Cycles - 1];
      rows.push({ layer: name, ...cycles, l0Error, l1Error });
    } catch (error) {
      if (!(error instanceof CeladonError)) throw error;
      refused.push({ layer: name, reason: error.message });
    }
  }
  return { rows, refused };
}

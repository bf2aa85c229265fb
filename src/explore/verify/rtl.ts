/** A chip's RTL under Verilator beside the simulator: random programs, and a session of a small model. */
import { CeladonError, UnsupportedError } from '../../base/index.ts';
import type { Chip } from '../../chip/index.ts';
import type { Model } from '../../model/index.ts';
import { loadVerification, type VerifyReport } from '../../target/jade/index.ts';
import { modelOnRtl, type ModelReport } from './modelOnRtl.ts';

export interface RtlOptions {
  /** Random programs, and instructions drawn for each. */
  readonly programs: number;
  readonly length: number;
  readonly seed: number;
  /** A small model that fits in the chip's memories; none when absent. */
  readonly model?: Pick<Model, 'name' | 'graph' | 'tokenizer'> | undefined;
  readonly promptTokens: number;
  readonly newTokens: number;
}

export const RTL_DEFAULTS: RtlOptions = {
  programs: 20,
  length: 30,
  seed: 1,
  promptTokens: 4,
  newTokens: 2,
};

/** `equal` when nothing differs; `differs` with what does; `refused` when the RTL was not run, and why. */
export type RtlReport =
  | {
      readonly verdict: 'equal' | 'differs';
      readonly programs: VerifyReport;
      readonly model: ModelReport | undefined;
      /** Why the model was not run; undefined when it was, or none was asked for. */
      readonly modelRefused: string | undefined;
    }
  | { readonly verdict: 'refused'; readonly reason: string };

/** Builds the core of `chip` with Verilator, or takes the one built before; `onStep` hears what is done. */
export async function verifyRtl(
  chip: Chip,
  options: Partial<RtlOptions> = {},
  onStep: (what: string) => void = () => {},
): Promise<RtlReport> {
  const all = { ...RTL_DEFAULTS, ...options };
  const core = { ...chip, cores: 1 }; // all cores are copies of one
  const { buildBench, verifyPrograms } = await loadVerification();
  try {
    onStep('building the RTL');
    buildBench(core);
    const { programs: count, length, seed } = all;
    const progress = (done: number): void => onStep(`${done} of ${count} programs on the RTL`);
    const programs = verifyPrograms(core, { programs: count, length, seed, progress });
    const { model, modelRefused } = await playModel(core, all, onStep);
    const differs = programs.differences.length > 0 || model?.difference !== undefined;
    return { verdict: differs ? 'differs' : 'equal', programs, model, modelRefused };
  } catch (error) {
    if (!(error instanceof CeladonError)) throw error;
    return { verdict: 'refused', reason: reasonOf(error) };
  }
}

interface Played {
  readonly model: ModelReport | undefined;
  readonly modelRefused: string | undefined;
}

/** A chip without room for the model is verified by its programs alone. */
async function playModel(
  chip: Chip,
  { model, promptTokens, newTokens }: RtlOptions,
  onStep: (what: string) => void,
): Promise<Played> {
  if (model === undefined) return { model, modelRefused: undefined };
  onStep(`${model.name} on the RTL`);
  try {
    const report = await modelOnRtl(chip, model, { promptTokens, newTokens });
    return { model: report, modelRefused: undefined };
  } catch (error) {
    if (!(error instanceof CeladonError)) throw error;
    return { model: undefined, modelRefused: error.message };
  }
}

function reasonOf(error: CeladonError): string {
  const isAbsent = error instanceof UnsupportedError && error.message.includes('Verilator');
  return isAbsent ? 'not verified: verilator is not installed' : `not verified: ${error.message}`;
}

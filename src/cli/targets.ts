/** The targets, by name. This is the only place that knows them all; each is loaded when it is used. */
import os from 'node:os';
import { UsageError } from '../base/index.ts';
import type { Chip } from '../chip/index.ts';
import type { Target } from '../compile/index.ts';
import type { Model } from '../model/index.ts';
import { codeFolder, imageLimitBytes, loadingOf } from './weightImages.ts';
import { expectObjects } from './heap.ts';

export const TARGET_NAMES = ['reference', 'cpu', 'jade'] as const;
export type TargetName = (typeof TARGET_NAMES)[number];

export const EMITTERS = ['auto', 'wasm', 'x86', 'avx512', 'avxVnni', 'avx2'] as const;
export type EmitterName = (typeof EMITTERS)[number];

export const ACTIVATIONS = ['int8', 'f32'] as const;
export type ActivationsName = (typeof ACTIVATIONS)[number];

/** The chip of the jade target when none is given. */
export const DEFAULT_CHIP = 'jade-edge';

export interface TargetRequest {
  readonly target: TargetName;
  /** Name or file of a chip: what jade simulates, or whose numerics the reference has. */
  readonly chip?: string | undefined;
  /** Of the cpu; as many as there are cores when not given. */
  readonly threads?: number | undefined;
  /** Of the cpu: what its kernels are made with; `auto` when not given. */
  readonly emitter?: EmitterName | undefined;
  /** Of the cpu: what weights of few bits are multiplied with; `int8` when not given. */
  readonly activations?: ActivationsName | undefined;
}

/** What was asked for, with defaults filled in; `chip` is null where none takes part. */
export interface TargetChoice {
  readonly target: TargetName;
  readonly chip: Chip | null;
  readonly threads: number;
  readonly emitter: EmitterName;
  readonly activations: ActivationsName;
}

/** Check a request and load its chip. Throws UsageError where a chip makes no sense, and as loadChip. */
export async function chooseTarget(request: TargetRequest): Promise<TargetChoice> {
  const { target, chip, threads, emitter = 'auto', activations = 'int8' } = request;
  for (const option of ['threads', 'emitter', 'activations'] as const) {
    if (target === 'cpu' || request[option] === undefined) continue;
    throw new UsageError(`${option} must be of the cpu, not of ${target}`, {
      where: `--${option}`,
      hint: 'leave it out, or add --target cpu',
    });
  }
  if (target === 'cpu' && chip !== undefined) {
    throw new UsageError('the target of a chip must be jade or reference, not cpu', {
      where: '--chip',
      hint: `add --target jade to run on ${chip}`,
    });
  }
  const name = chip ?? (target === 'jade' ? DEFAULT_CHIP : undefined);
  const loaded = name === undefined ? null : (await import('../chip/index.ts')).loadChip(name);
  const count = threads ?? os.availableParallelism();
  if (target === 'cpu') expectObjects('few');
  return { target, chip: loaded, threads: count, emitter, activations };
}

/** What a target is for, beside the length of sequences. */
export interface TargetUse {
  /** The cpu keeps its weights for the next run. */
  readonly model?: Model;
  /** That run at once; 1 unless said. */
  readonly sequences?: number;
}

/** Make the target for sequences of at most `contextTokens`. */
export async function createTarget(
  { target, chip, ...ofCpu }: TargetChoice,
  contextTokens: number,
  { model, sequences }: TargetUse = {},
): Promise<Target> {
  if (target === 'cpu') {
    const { cpuTarget, folderCode } = await import('../target/cpu/index.ts');
    const loading = model && (await loadingOf(model, ofCpu.threads));
    const machine = {
      machineBytes: os.totalmem(),
      ...(imageLimitBytes() > 0 && { code: folderCode(codeFolder()) }),
    };
    return cpuTarget({ contextTokens, ...ofCpu, ...loading, ...machine });
  }
  if (target === 'reference') return createReference(chip);
  return createJade(chip!, contextTokens, sequences);
}

/** The simulator of `chip`. */
export async function createJade(chip: Chip, contextTokens: number, sequences = 1) {
  const { jadeTarget } = await import('../target/jade/index.ts');
  return jadeTarget(chip, { contextTokens, batch: sequences });
}

/** The interpreter: in f32, or with the passes and the arithmetic of `chip`. */
export async function createReference(chip: Chip | null): Promise<Target> {
  const { referenceTarget } = await import('../target/reference/index.ts');
  if (chip === null) return referenceTarget();
  const { jadeNumerics, jadePasses } = await import('../target/jade/index.ts');
  return referenceTarget(jadeNumerics(chip), jadePasses(chip));
}

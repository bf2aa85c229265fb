/**
 * What users of a system wait for, and how many tokens it writes: the steady state of cluster/serving.ts
 * with steps of the closed form.
 *
 * A group holds n sequences: B in each of `pipeline` batches, which follow each other through the stages.
 * Steps of one token (S in the middle of writing) and chunks of prompts take turns:
 *
 *   TPOT = pipeline · period / a + (n−1) · prompt / O          a: tokens of a step, 1 + accepted drafts
 *   TTFT = step / 2 + prompt · (1 + ρ / (2(1−ρ)))       ρ: share of time on prompts, M/D/1
 *
 * with prompts on chips of their own TPOT is the step alone, TTFT has no queue, and the state of the prompt
 * crosses the links.
 */
import { MAX_STEP_ROWS } from '../../target/jade/index.ts';
import type { System } from '../space/design.ts';
import type { LimitedBy } from './metrics.ts';
import type { ModelForms } from './modelForms.ts';
import { mixed, type Busy, type PhaseTime } from './phase.ts';
import { PhaseSequence } from './phaseSequence.ts';
import type { StageMemory } from './rank.ts';
import { contextTokens, readingContext, writingContext, type Workload } from './workload.ts';

/** A draft is checked with the token before it. */
const CHECKED_TOKENS = 2;

/** How a system serves a workload, at one batch. */
export interface Served {
  readonly tokensPerSecond: number;
  readonly ttftSeconds: number;
  readonly tpotSeconds: number;
  /** Sequences of the replica. */
  readonly batch: number;
  readonly limitedBy: LimitedBy;
  /** Of the time of all its chips. */
  readonly busy: Busy;
}

/** Prompts a second and seconds from the first token read to the first written. */
export interface Prompts {
  readonly perSecond: number;
  readonly seconds: number;
  readonly busy: Busy;
}

/** One chunk of a prompt, and how many there are. */
export interface Reading {
  readonly phase: PhaseSequence;
  readonly chunks: number;
}

export interface Misfit {
  readonly misfit: string;
}

/** A workload on a system: what it would take at any batch. */
export class Service {
  readonly system: System;
  readonly workload: Workload;
  private readonly forms: ModelForms;

  constructor(system: System, workload: Workload, forms: ModelForms) {
    this.system = system;
    this.workload = workload;
    this.forms = forms;
  }

  /** The most sequences a batch of a group can have, a power of two, or why there is none. */
  mostBatch(): number | Misfit {
    const S = writingContext(this.workload);
    const T = this.drafts ? CHECKED_TOKENS : 1;
    const rows = this.forms.mostRows(this.system, `write ${T} ${S}`, (B) => ({ B, T, S }));
    if (rows === 0) return { misfit: 'values of one sequence do not fit on the chip' };
    return this.batchHeld(Math.min(rows, MAX_STEP_ROWS / T));
  }

  private get drafts(): boolean {
    return this.workload.acceptance !== undefined;
  }

  private memory(): readonly StageMemory[] {
    return this.forms.memory(this.system, contextTokens(this.workload), this.drafts);
  }

  /** Of at most `rows` sequences, a power of two that memory holds and that are asked for. */
  batchHeld(rows: number): number | Misfit {
    const { system, workload } = this;
    const held = this.sequencesHeld(rows);
    if (held < 1) return this.tooLittleMemory();
    const batches = system.expert * system.pipeline;
    const asked = (workload.mostSequences ?? Infinity) / batches;
    if (asked < 1)
      return { misfit: `${workload.mostSequences} sequences must fill ${batches} batches` };
    return 2 ** Math.floor(Math.log2(Math.min(rows, held, asked)));
  }

  /** Sequences of a batch that the memory of every core holds. */
  private sequencesHeld(most: number): number {
    const { chip, pipeline } = this.system;
    let held = most;
    for (const { weightBytes, stateBytes } of this.memory())
      held = Math.min(held, (chip.memory.sizeBytes - weightBytes) / (stateBytes * pipeline));
    return held;
  }

  private tooLittleMemory(): Misfit {
    const { sizeBytes } = this.system.chip.memory;
    const needed = Math.max(
      ...this.memory().map((stage) => stage.weightBytes + stage.stateBytes * this.system.pipeline),
    );
    const gib = (bytes: number): string => (bytes / 2 ** 30).toPrecision(3);
    return {
      misfit: `weights and one sequence take ${gib(needed)} GiB of a core, which has ${gib(sizeBytes)} GiB`,
    };
  }

  /** One step of writing, `B` sequences in a batch. */
  writing(B: number): PhaseSequence {
    const { system, forms, workload } = this;
    const dims = { B, T: 1, S: writingContext(workload) };
    if (!this.drafts) return new PhaseSequence(forms.phase(system, dims));
    const checked = { ...dims, T: CHECKED_TOKENS };
    return new PhaseSequence(
      forms.phase(system, checked, 'checked layers'),
      forms.phase(system, dims, 'draft'),
    );
  }

  /** Written by a sequence in a step, in the mean. */
  get tokensPerStep(): number {
    return 1 + (this.workload.acceptance ?? 0);
  }

  /** The chunk of a prompt, and how many there are. */
  reading(): Reading | Misfit {
    const { inputTokens } = this.workload;
    const name = `read ${inputTokens}`;
    const rows = this.forms.mostRows(this.system, name, (T) => {
      return { B: 1, T, S: readingContext(this.workload, T) };
    });
    if (rows === 0) return { misfit: 'values of one token do not fit on the chip' };
    return this.inChunks(rows);
  }

  /** A prompt in chunks of at most `rows` tokens. */
  inChunks(rows: number): Reading {
    const { inputTokens } = this.workload;
    const T = Math.min(rows, inputTokens);
    const dims = { B: 1, T, S: readingContext(this.workload, T) };
    const parts = this.drafts ? (['layers', 'draft'] as const) : (['layers'] as const);
    const phases = parts.map((part) => this.forms.phase(this.system, dims, part));
    return { phase: new PhaseSequence(...phases), chunks: inputTokens / T };
  }

  /** Prompts and tokens in turn, `B` sequences in a batch. */
  shared(B: number, write: PhaseTime, read: PhaseTime, chunks: number): Served {
    const { system, workload } = this;
    const { pipeline, expert, chips } = system;
    const O = workload.outputTokens;
    const n = B * pipeline;
    const step = pipeline * write.periodSeconds;
    const token = step / this.tokensPerStep;
    const prompt = chunks * read.periodSeconds;
    const readShare = (n * prompt) / (O * token + n * prompt);
    const alone = n === 1;
    const waited = alone ? 0 : readShare / (2 * (1 - readShare));
    const latency = prompt + (pipeline - 1) * read.periodSeconds;
    const ttftSeconds = (alone ? 0 : step / 2) + latency + prompt * waited;
    const tpotSeconds = token + ((n - 1) * prompt) / O;
    const life = ttftSeconds + (O - 1) * tpotSeconds;
    return {
      tokensPerSecond: (expert * n * O) / life / chips,
      ttftSeconds,
      tpotSeconds,
      batch: n * expert,
      limitedBy: readShare > 0.5 ? read.limitedBy : write.limitedBy,
      busy: mixed(read.busy, write.busy, readShare),
    };
  }

  /** Tokens alone: their first one comes from other chips. */
  writes(B: number, write: PhaseTime): Served {
    const { pipeline, expert, chips } = this.system;
    const n = B * pipeline;
    const step = pipeline * write.periodSeconds;
    const tpotSeconds = step / this.tokensPerStep;
    return {
      tokensPerSecond: (expert * n) / tpotSeconds / chips,
      ttftSeconds: step / 2,
      tpotSeconds,
      batch: n * expert,
      limitedBy: write.limitedBy,
      busy: write.busy,
    };
  }

  /** Prompts alone, for others to go on with. */
  reads(read: PhaseTime, chunks: number): Prompts {
    const { pipeline, expert, chips } = this.system;
    const prompt = chunks * read.periodSeconds;
    return {
      perSecond: expert / prompt / chips,
      seconds: prompt + (pipeline - 1) * read.periodSeconds,
      busy: read.busy,
    };
  }

  /** Seconds in which the state of a prompt leaves or enters a group of cores. */
  stateSeconds(): number {
    const { chip, tensor, pipeline, linkBytesPerSecond } = this.system;
    const bytes = this.memory().reduce((sum, { stateBytes }) => sum + stateBytes * tensor, 0);
    const cores = Math.min(chip.cores, tensor * pipeline);
    const groupChips = (tensor * pipeline) / cores;
    return bytes / ((linkBytesPerSecond * cores) / chip.cores) / groupChips;
  }
}

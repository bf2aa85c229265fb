/**
 * Phases of one step, one after the other: the model, and where its own head drafts, that head, which needs the hidden
 * rows of what the model accepted.
 */
import type { LeastWork } from '../../target/jade/index.ts';
import type { System } from '../space/design.ts';
import { mixed, type Phase, type PhaseTime } from './phase.ts';

export class PhaseSequence {
  private readonly phases: readonly Phase[];

  /** At least one. */
  constructor(...phases: readonly Phase[]) {
    this.phases = phases;
  }

  time(system: System): PhaseTime {
    return this.phases.map((phase) => phase.time(system)).reduce(oneAfterOther);
  }

  /** No step takes less. */
  leastSeconds(system: System): number {
    return this.phases.reduce((sum, phase) => sum + phase.leastSeconds(system), 0);
  }

  /** Bytes and multiply-accumulates of one rank, as they are at the least. */
  leastWork(): Pick<LeastWork, 'bytes' | 'macs'> {
    const works = this.phases.map((phase) => phase.leastWork());
    return works.reduce((a, b) => ({ bytes: a.bytes + b.bytes, macs: a.macs + b.macs }));
  }
}

function oneAfterOther(a: PhaseTime, b: PhaseTime): PhaseTime {
  const periodSeconds = a.periodSeconds + b.periodSeconds;
  const longer = b.periodSeconds > a.periodSeconds ? b : a;
  return {
    periodSeconds,
    limitedBy: longer.limitedBy,
    busy: mixed(a.busy, b.busy, a.periodSeconds / periodSeconds),
  };
}

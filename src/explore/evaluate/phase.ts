/** Steps of one kind on any system of the same share and formats: closed forms, made once. */
import type { Dims } from '../../ir/index.ts';
import {
  ClosedForm,
  leastCycles,
  leastWork,
  type KernelShape,
  type LeastWork,
} from '../../target/jade/index.ts';
import type { System } from '../space/design.ts';
import type { LimitedBy } from './metrics.ts';
import { linkSeconds, type Traffic } from './network.ts';

/** Shares of the time in which units of a core work, 0 to 1; the mean of all stages. */
export interface Busy {
  readonly memory: number;
  readonly matrix: number;
  readonly vector: number;
}

export interface PhaseTime {
  /** Of the slowest stage with its links: the pipeline takes a step so often. */
  readonly periodSeconds: number;
  readonly limitedBy: LimitedBy;
  readonly busy: Busy;
}

export class Phase {
  readonly dims: Dims;
  private readonly stages: readonly { readonly form: ClosedForm; readonly least: LeastWork }[];
  private readonly traffic: Traffic;

  constructor(stages: readonly (readonly KernelShape[])[], dims: Dims, traffic: Traffic) {
    this.dims = dims;
    this.traffic = traffic;
    this.stages = stages.map((kernels) => ({
      form: new ClosedForm(kernels),
      least: leastWork(kernels),
    }));
  }

  time(system: System): PhaseTime {
    const { clockHz } = system.chip;
    const steps = this.stages.map(({ form }) => form.step(system.chip));
    const slowest = steps.reduce((a, b) => (b.cycles > a.cycles ? b : a));
    const links = linkSeconds(system, this.traffic, this.dims);
    const period = slowest.cycles + links * clockHz;
    const share = (unit: keyof Busy): number =>
      Math.min(1, steps.reduce((sum, step) => sum + step[unit], 0) / steps.length / period);
    const { memory, matrix, vector, cycles } = slowest;
    const waits: readonly (readonly [LimitedBy, number])[] = [
      ['memory bandwidth', memory],
      ['MACs', matrix],
      ['vector lanes', vector],
      ['links', links * clockHz],
      ['latency', cycles - Math.max(memory, matrix, vector)],
    ];
    return {
      periodSeconds: period / clockHz,
      limitedBy: waits.reduce((a, b) => (b[1] > a[1] ? b : a))[0],
      busy: { memory: share('memory'), matrix: share('matrix'), vector: share('vector') },
    };
  }

  /** No step takes less, whatever is well arranged: memory, multipliers or lanes are busy so long. */
  leastSeconds({ chip }: System): number {
    const cycles = this.stages.map(({ least }) => leastCycles(least, chip));
    return Math.max(...cycles) / chip.clockHz;
  }

  /** Bytes and multiply-accumulates of all stages of one rank, as they are at the least. */
  leastWork(): Pick<LeastWork, 'bytes' | 'macs'> {
    return this.stages.reduce(
      (sum, { least }) => ({ bytes: sum.bytes + least.bytes, macs: sum.macs + least.macs }),
      { bytes: 0, macs: 0 },
    );
  }
}

/** Shares of units when `share` of the time is the first's. */
export function mixed(a: Busy, b: Busy, share: number): Busy {
  const at = (unit: keyof Busy): number => share * a[unit] + (1 - share) * b[unit];
  return { memory: at('memory'), matrix: at('matrix'), vector: at('vector') };
}

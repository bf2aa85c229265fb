/**
 * Groups that come again are not run again. Between two starts the clock is a state (clockState.ts); the
 * group that is dispatched next and that state decide how it goes on until the group is dispatched, and
 * in what state it is then. Where both were there before in this run, so are the cycles and the state
 * after. That is exact: nothing is assumed about what repeats.
 *
 * In a mixture of experts those without rows are soon in a steady state.
 */
import { ClockState } from '../sim/clockState.ts';
import type { Passage, Timing } from '../sim/timing.ts';
import type { Group } from './groups.ts';

/** A state in which a group was about to be dispatched. */
interface State {
  readonly numbers: readonly number[];
  /** By kind of the group: what followed. */
  readonly steps: Map<number, Step>;
}

/** What passes while a group is dispatched, and the state after. */
interface Step extends Passage {
  readonly to: State;
}

export class RepeatingRun {
  /** Groups that were not run. */
  skipped = 0;
  private readonly timing: Timing;
  private readonly kinds: Int32Array;
  private readonly scratch = new ClockState();
  /** By hash. */
  private readonly states = new Map<number, State[]>();
  /** The state before the next group; undefined while nobody asked for it. */
  private state: State | undefined;
  /** Whether the clock has yet to be brought to that state, as groups were skipped. */
  private behind = false;

  /** `kinds` are those of the instructions. */
  constructor(timing: Timing, kinds: Int32Array) {
    this.timing = timing;
    this.kinds = kinds;
  }

  /** From the start of the program until all is done, or nothing can start. */
  run(groups: readonly Group[]): void {
    this.timing.reset(0);
    for (const group of groups) {
      if (group.repeats) this.step(group);
      else this.simulate(group);
    }
    while (this.timing.take()) this.timing.commit();
  }

  /** Runs a group unless it is known what that does. */
  private step(group: Group): void {
    const from = this.state ?? this.capture();
    let step = from.steps.get(group.kind);
    if (step === undefined) {
      step = this.measure(group);
      from.steps.set(group.kind, step);
    } else {
      this.timing.skip(step);
      this.behind = true;
      this.skipped++;
    }
    this.state = step.to;
  }

  private measure(group: Group): Step {
    const { timing } = this;
    this.catchUp(group);
    const [start, channel, busy] = [
      timing.start,
      timing.channelBusyCycles,
      timing.busyCycles.slice(),
    ];
    this.simulate(group);
    return {
      cycles: timing.start - start,
      busyCycles: timing.busyCycles.map((cycles, queue) => cycles - busy[queue]!),
      channelBusyCycles: timing.channelBusyCycles - channel,
      to: this.capture(),
    };
  }

  /** Runs until all of a group is dispatched. */
  private simulate(group: Group): void {
    const { timing } = this;
    this.catchUp(group);
    this.state = undefined;
    timing.goOn(group.end);
    while (timing.dispatched < group.end) {
      if (!timing.take()) return timing.requireEnd();
      timing.commit();
    }
  }

  /** Brings the clock to the state before a group. */
  private catchUp({ start, before }: Group): void {
    if (!this.behind) return;
    this.behind = false;
    this.scratch.read(this.state!.numbers, this.timing.start);
    this.timing.restore(this.scratch, start, before);
  }

  /** The state of the clock, the same object as before if it was there before. */
  private capture(): State {
    this.timing.save(this.scratch, this.kinds);
    const hash = this.scratch.hash();
    const alike = this.states.get(hash) ?? [];
    this.states.set(hash, alike);
    const known = alike.find(({ numbers }) => this.scratch.equals(numbers));
    if (known !== undefined) return known;
    const state = { numbers: this.scratch.copy(), steps: new Map<number, Step>() };
    alike.push(state);
    return state;
  }
}

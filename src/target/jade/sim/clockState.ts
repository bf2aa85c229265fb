/**
 * All that decides what a clock does from a cycle on, as numbers. Times are relative to that cycle, and
 * those that are over by then are alike: nothing starts before it. So two clocks with the same numbers
 * before the same instructions go on alike, one a constant number of cycles after the other.
 */
export class ClockState {
  private readonly written: number[] = [];
  private source: readonly number[] = [];
  private place = 0;
  private cycle = 0;

  /** Begins to write the state at `cycle`. */
  write(cycle: number): void {
    this.written.length = 0;
    this.cycle = cycle;
  }

  /** Begins to read `numbers` as the state at `cycle`. */
  read(numbers: readonly number[], cycle: number): void {
    this.source = numbers;
    this.place = 0;
    this.cycle = cycle;
  }

  /** A copy of what was written. */
  copy(): readonly number[] {
    return [...this.written];
  }

  isOver(time: number): boolean {
    return time <= this.cycle;
  }

  addCount(count: number): void {
    this.written.push(count);
  }

  /** A time that matters only if it is not over. */
  addTime(time: number): void {
    this.written.push(Math.max(time - this.cycle, 0));
  }

  /** A time that matters even if it is over. */
  addPast(time: number): void {
    this.written.push(time - this.cycle);
  }

  nextCount(): number {
    return this.source[this.place++]!;
  }

  nextTime(): number {
    return this.cycle + this.source[this.place++]!;
  }

  /** Of the numbers written; small, so that they index tables fast. */
  hash(): number {
    let hash = 0;
    for (let i = 0; i < this.written.length; i++)
      hash = (Math.imul(hash, 0x01000193) ^ this.written[i]!) | 0;
    return hash;
  }

  equals(numbers: readonly number[]): boolean {
    if (numbers.length !== this.written.length) return false;
    for (let i = 0; i < numbers.length; i++) if (numbers[i] !== this.written[i]) return false;
    return true;
  }
}

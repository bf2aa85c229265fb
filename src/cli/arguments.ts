/** Parsers of option values; each throws commander's error, which names the option. */
import { InvalidArgumentError, Option } from 'commander';
import { nearestName } from '../base/index.ts';

/** A whole number of at least `least` and at most `most`. */
export function wholeNumber(least = 0, most = Infinity): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= least && value <= most) {
      return value;
    }
    const bound = most === Infinity ? '' : ` to ${most}`;
    throw new InvalidArgumentError(`It must be a whole number from ${least}${bound}.`);
  };
}

/** A number within bounds, both included. */
export function decimal(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It must be a number from ${least} to ${most}.`);
  };
}

/** An option with one of `names` as its value. */
export function choice(flags: string, description: string, names: readonly string[]): Option {
  return new Option(flags, description).choices(names).argParser((text) => {
    if (names.includes(text)) return text;
    const near = nearestName(text, names);
    const hint = near === undefined ? '' : ` Did you mean ${near}?`;
    throw new InvalidArgumentError(`It must be one of ${names.join(', ')}.${hint}`);
  });
}

/** Values of the options of `celadon plan`. */
import { InvalidArgumentError } from 'commander';
import { nearestName } from '../base/index.ts';
import type { Layout, Workload } from '../cluster/index.ts';

/** `name=number,…` with every name at most once. */
function pairs(text: string, names: readonly string[]): Map<string, number> {
  const found = new Map<string, number>();
  for (const part of text.split(',')) {
    const [name = '', value = ''] = part.split('=');
    if (!names.includes(name)) {
      const near = nearestName(name, names);
      const hint = near === undefined ? '' : ` Did you mean ${near}?`;
      throw new InvalidArgumentError(`It must have ${names.join(', ')}, not ${name}.${hint}`);
    }
    const number = Number(value);
    if (!/^\d+(?:\.\d+)?(?:e\d+)?$/.test(value) || !Number.isSafeInteger(number) || number < 1) {
      throw new InvalidArgumentError(`${name} must be a whole number from 1, not ${value}.`);
    }
    if (found.has(name)) throw new InvalidArgumentError(`It must have ${name} once.`);
    found.set(name, number);
  }
  return found;
}

/** `tp=8,pp=1,dp=1,ep=1`; what is left out is 1. */
export function parseLayout(text: string): Layout {
  const found = pairs(text, ['tp', 'pp', 'dp', 'ep']);
  const of = (name: string): number => found.get(name) ?? 1;
  const layout = { tensor: of('tp'), pipeline: of('pp'), data: of('dp'), expert: of('ep') };
  const { tensor, data, expert } = layout;
  if ((tensor * data) % expert === 0) return layout;
  throw new InvalidArgumentError(
    `ep must divide tp·dp = ${tensor * data}, and ${expert} does not.`,
  );
}

/** Tokens and requests beyond this are a slip of the finger. */
const MOST = 1e8;

/** `input=1024,output=1024,concurrency=16`. */
export function parseWorkload(text: string): Workload {
  const names = ['input', 'output', 'concurrency'];
  const found = pairs(text, names);
  const of = (name: string): number => {
    const value = found.get(name);
    if (value === undefined) throw new InvalidArgumentError(`It must have ${name}.`);
    if (value <= MOST) return value;
    throw new InvalidArgumentError(`${name} must be at most ${MOST}, not ${value}.`);
  };
  return { input: of('input'), output: of('output'), concurrency: of('concurrency') };
}

/** Tokens of a run, tokens of a sequence, sequences of a step. */
export interface Training {
  readonly tokens: number;
  readonly sequenceTokens: number;
  readonly batch: number;
}

/** `tokens=14.8e12,sequence=4096,batch=15360`. */
export function parseTraining(text: string): Training {
  const found = pairs(text, ['tokens', 'sequence', 'batch']);
  const of = (name: string, otherwise?: number): number => {
    const value = found.get(name) ?? otherwise;
    if (value === undefined) throw new InvalidArgumentError(`It must have ${name}.`);
    return value;
  };
  return { tokens: of('tokens'), sequenceTokens: of('sequence', 4096), batch: of('batch') };
}

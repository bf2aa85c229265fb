/**
 * Seeded bugs: one signal of one printed module gets another value.
 *
 * A bug is put in for good, or so that it is chosen as a simulation starts: then one build serves all.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Mutation {
  /** The module and the signal, as in the text. */
  readonly module: string;
  readonly signal: string;
  /** The wrong value: an expression of the module's signals, in which $ stands for the right one. */
  readonly becomes: string;
}

/** The text of a module with the bug in it. */
export function mutate(source: string, mutation: Mutation): string {
  return replaceValue(source, mutation, (right) => wrongValue(mutation, right));
}

/** The same for the file of the module in a folder. */
export function mutateFile(folder: string, mutation: Mutation): void {
  const path = join(folder, `${mutation.module}.sv`);
  writeFileSync(path, mutate(readFileSync(path, 'utf8'), mutation));
}

/**
 * The text of a module with all of the bugs, of which the environment variable MUTANT names one, by its
 * key, when Verilator's program starts; none for 0.
 */
export function mutateAtRunTime(source: string, mutations: ReadonlyMap<number, Mutation>): string {
  const changed = [...mutations].reduce(
    (text, [key, mutation]) =>
      replaceValue(
        text,
        mutation,
        (right) => `(mutant == ${key}) ? (${wrongValue(mutation, right)}) : (${right})`,
      ),
    source,
  );
  const choice =
    '  integer mutant;\n  initial mutant = $c32("std::atoi(std::getenv(\\"MUTANT\\"))");\n';
  return changed.replace(/^\);.*\n/m, (header) => `${header}${choice}`);
}

function wrongValue({ becomes }: Mutation, right: string): string {
  return becomes.replaceAll('$', () => `(${right})`);
}

/** Changes what is assigned to a signal, which must be in one place, so that no bug outlives its code. */
function replaceValue(
  source: string,
  { module, signal, becomes }: Mutation,
  change: (right: string) => string,
): string {
  const assigned = new RegExp(`^(  (?:wire (?:\\[\\d+:0\\] )?|assign )${signal} = )(.*);$`, 'gm');
  const places = [...source.matchAll(assigned)];
  if (places.length === 1) {
    return source.replace(assigned, (_, left: string, right: string) => `${left}${change(right)};`);
  }
  throw new Error(
    `a mutation must be of a value that is assigned once, not ${places.length} times: ` +
      `${signal} of ${module}, which becomes ${becomes}`,
  );
}

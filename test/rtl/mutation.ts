/** Seeded bugs: a named change of the printed text of one module. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Mutation {
  /** Whose text is changed, as in the text. */
  readonly module: string;
  /** What must be in it exactly once, so that a mutation does not outlive the code it is of. */
  readonly text: string;
  readonly by: string;
}

/** The text of a module with the bug in it. */
export function mutate(source: string, { module, text, by }: Mutation): string {
  const parts = source.split(text);
  if (parts.length === 2) return parts.join(by);
  throw new Error(
    `a mutation of ${module} must change what is in its text once, not ${parts.length - 1} times: ${text}`,
  );
}

/** The same for the file of the module in a folder. */
export function mutateFile(folder: string, mutation: Mutation): void {
  const path = join(folder, `${mutation.module}.sv`);
  writeFileSync(path, mutate(readFileSync(path, 'utf8'), mutation));
}

// Proofs of the cells of docs/support.md: which test, if any, and whether it is there.

import fs from 'node:fs';
import path from 'node:path';
import type { Family } from '../src/model/index.ts';
import { MODEL_PROOFS, type Test } from './proofs.table.ts';

const ROOT = path.join(import.meta.dirname, '..');

export interface Cell {
  readonly format: string;
  readonly family: Family;
  readonly target: string;
}

/** Throws unless the file has a test of this title. */
export function requireTest({ file, title }: Test): void {
  const source = fs.readFileSync(path.join(ROOT, file), 'utf8');
  if (['`', "'", '"'].some((quote) => source.includes(`test(${quote}${title}${quote}`))) return;
  throw new Error(`${file} must have a test called "${title}", because proofs.table.ts names it`);
}

/** Throws unless every test of proofs.table.ts is in its file. */
export function requireTests(): void {
  for (const test of MODEL_PROOFS) requireTest(test);
}

/** What proves a cell, where `refer` names a test; `golden` are the families with a checkpoint in test/golden. */
export function proofOf(
  { format, family, target }: Cell,
  golden: ReadonlySet<Family>,
  refer: (test: Test) => string,
): string {
  const proof = MODEL_PROOFS.find(
    ({ formats, targets, families }) =>
      formats.includes(format) &&
      targets.includes(target) &&
      (families?.includes(family) ?? golden.has(family)),
  );
  return proof === undefined ? 'no test' : refer(proof);
}

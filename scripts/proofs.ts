// Proofs of the cells of docs/support.md: which test, if any, and whether it is there.

import fs from 'node:fs';
import path from 'node:path';
import { type Family } from '../src/model/index.ts';
import { MODEL_PROOFS, PLAIN, VALUES_PROOFS, type Test } from './proofs.table.ts';

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
  for (const test of [...MODEL_PROOFS, ...VALUES_PROOFS]) requireTest(test);
}

/** What proves a cell, where `refer` names a test; `golden` are the families with a checkpoint in test/golden. */
export function proofOf(
  cell: Cell,
  golden: ReadonlySet<Family>,
  refer: (test: Test) => string,
): string {
  const whole = modelProof(cell, golden);
  if (whole !== undefined) return refer(whole);
  const plain = modelProof({ ...cell, format: PLAIN }, golden);
  if (plain === undefined) return 'operators alone';
  const values = VALUES_PROOFS.find(({ formats }) => formats.includes(cell.format));
  return values === undefined ? 'no test' : `by parts ${refer(values)} + ${refer(plain)}`;
}

function modelProof(
  { format, family, target }: Cell,
  golden: ReadonlySet<Family>,
): Test | undefined {
  return MODEL_PROOFS.find(
    ({ formats, targets, families }) =>
      formats.includes(format) &&
      targets.includes(target) &&
      (families?.includes(family) ?? golden.has(family)),
  );
}

/**
 * node bin/run.cjs test/rtl/mutantReport.ts: plays every seeded bug and writes what found it into the
 * table of docs/verification.md. Exits with 1 if a bug is not found.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { MUTANT_SEEDS, mutantBench, smallChip, type Kill } from './mutantBench.ts';
import { MUTANTS, type Mutant } from './mutants.table.ts';

const PAGE = new URL('../../docs/verification.md', import.meta.url);
const [BEGIN, END] = ['<!-- mutants: generated -->\n', '<!-- mutants: end -->'] as const;

const FOUND_BY: Readonly<Record<string, string>> = {
  start: 'cycle of a start',
  end: 'cycle of a completion',
  values: 'digest of what was written',
  cycles: 'total cycles',
  fault: 'fault flag',
  memory: 'memory at the end',
  store: 'data missing in their cycle',
};

function row(mutant: Mutant, kill: Kill | undefined): string {
  const { unit, module, signal, breaks } = mutant;
  const by = kill === undefined ? '**nothing**' : (FOUND_BY[kill.by] ?? kill.by);
  const programs = kill === undefined ? '' : `${kill.programs + 1}`;
  return `| ${unit} | \`${module}.${signal}\` | ${breaks} | ${by} | ${programs} |`;
}

function main(): number {
  const bench = mutantBench(smallChip(), MUTANT_SEEDS);
  const kills = MUTANTS.map((_, i) => bench.play(i));
  const lines = [
    '| unit | changed signal | what it breaks | found by | in program |',
    '|---|---|---|---|---|',
    ...MUTANTS.map((mutant, i) => row(mutant, kills[i])),
  ];
  const page = readFileSync(PAGE, 'utf8');
  const [before, rest] = page.split(BEGIN) as [string, string];
  const after = rest.slice(rest.indexOf(END));
  writeFileSync(PAGE, `${before}${BEGIN}\n${lines.join('\n')}\n\n${after}`);
  return kills.includes(undefined) ? 1 : 0;
}

process.exitCode = main();

/**
 * Proves the assertions of a module with Yosys and an SMT solver, given its assumptions: from reset for
 * a number of cycles, and by temporal induction for ever.
 *
 * What is proved is the printed text. Induction of length k: if all holds in any k cycles in a row, of
 * whatever state, it holds in the next; with the first cycles proved from reset that is every cycle.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { snakeCase } from '../../src/hdl/names.ts';
import { type Module } from '../../src/hdl/index.ts';
import { mutateFile, type Mutation } from './mutation.ts';
import { runTool, writeModule } from './tools.ts';

export interface Proof {
  /** Cycles from reset. */
  readonly cycles: number;
  /** Length of the induction; only the cycles from reset if absent. */
  readonly induction?: number;
}

const TOP = 'formal_top';
/** Each question is put to z3 anew and without functions: then it solves by SAT, many times faster. */
const SOLVER = ['-s', 'z3', '--unroll', '--noincr', '--logic', 'QF_BV', '--noprogress'];

type Cleanup = { after(clean: () => void): void };

/** Undefined if the assertions hold, else the names of those that fail; with `mutation`, of the module so changed. */
export function refute(
  t: Cleanup,
  module: Module,
  { cycles, induction }: Proof,
  mutation?: Mutation,
): string | undefined {
  const { folder, files } = writeModule(t, module);
  if (mutation !== undefined) mutateFile(folder, mutation);
  writeFileSync(join(folder, `${TOP}.sv`), resetFirst(module));
  const steps = [
    `read_verilog -formal -sv ${files.join(' ')} ${TOP}.sv`,
    `prep -flatten -nordff -top ${TOP}`,
    // An assertion is about the values of its own cycle, not those that a flip-flop kept of it.
    'chformal -early',
    // Memories in proofs are small: as registers they leave the solver with nothing but bits.
    'memory_map; opt -full; dffunmap; opt_clean',
    `write_smt2 ${TOP}.smt2`,
  ];
  runTool('yosys', folder, '-q', '-p', steps.join('; '));
  const fromReset = solve(folder, '-t', `${cycles}`);
  if (fromReset !== undefined || induction === undefined) return fromReset;
  return solve(folder, '-i', '-t', `${induction}`);
}

function solve(folder: string, ...options: readonly string[]): string | undefined {
  const tool = [...SOLVER, ...options, `${TOP}.smt2`];
  const { status, stdout, stderr, error } = spawnSync('yosys-smtbmc', tool, {
    cwd: folder,
    encoding: 'utf8',
  });
  if (error !== undefined) throw error;
  const text = `${stdout}${stderr}`;
  if (status === 0 && text.includes('Status: PASSED')) return undefined;
  const failed = [...text.matchAll(/Assert failed in .*?(\w+\.sv):(\d+)[^|]*$/gm)];
  const names = failed.map(([, file, line]) => labelAt(join(folder, file!), Number(line)));
  if (names.length > 0) return [...new Set(names)].join(', ');
  throw new Error(`yosys-smtbmc ${options.join(' ')}: must pass or find a failure, not\n${text}`);
}

/** The name of the block around a line: that of the assertion. */
function labelAt(path: string, line: number): string {
  const before = readFileSync(path, 'utf8').split('\n').slice(0, line).toReversed();
  const label = before
    .map((text) => /begin : (\w+)/.exec(text)?.[1])
    .find((name) => name !== undefined);
  return label ?? `${path}:${line}`;
}

/** A top whose inputs are free, and whose first cycle is a reset. */
function resetFirst({ name, inputs }: Module): string {
  const ports = Object.entries(inputs).map(([port, { width }]) => ({
    port: snakeCase(port),
    width,
  }));
  const declared = ports.map(({ port, width }) => `,\n  input logic [${width - 1}:0] ${port}`);
  const connected = ports.map(({ port }) => `, .${port}(${port})`);
  return `module ${TOP} (
  input logic clock${declared.join('')}
);
  logic running = 1'b0;
  always @(posedge clock) running <= 1'b1;
  ${name} proof (.clock(clock), .reset(!running)${connected.join('')});
endmodule
`;
}

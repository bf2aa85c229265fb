/**
 * Proves the assertions of a module, given its assumptions, by temporal induction: if they hold in the
 * first k cycles from reset, and, wherever they hold in k cycles in a row, of whatever state, they hold
 * in the next, then they hold for ever.
 *
 * What is proved is the printed text. The SAT solver inside Yosys does both halves; yosys-smtbmc with z3,
 * which shares nothing with it but the netlist, must agree about the step, and names what fails.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { snakeCase } from '../../src/hdl/names.ts';
import type { Module } from '../../src/hdl/index.ts';
import { mutateFile, type Mutation } from './mutation.ts';
import { missing, writeModule } from './tools.ts';

const TOP = 'formal_top';

/** Each question is put to z3 anew and without functions: then it solves by SAT, many times faster. */
const Z3 = ['-s', 'z3', '--unroll', '--noincr', '--logic', 'QF_BV', '--noprogress'];

/** What Yosys says when an assertion fails in a run from reset. */
const FAILS_FROM_RESET = 'model found for base case: FAIL';

type Cleanup = { after(clean: () => void): void };

/** Why a proof cannot be done here, or false. */
export function missingProver(): string | false {
  return missing('yosys', 'yosys-smtbmc', 'z3');
}

/**
 * Undefined if the assertions hold for ever, shown by an induction of at most `length` cycles; else the
 * names of those that fail, or that no induction of this length shows.
 */
export function refute(t: Cleanup, module: Module, length: number): string | undefined {
  const folder = writeProof(t, module);
  const { holds, text } = askYosys(folder, '-tempinduct', '-maxsteps', `${length}`);
  if (text.includes(FAILS_FROM_RESET)) return askZ3(folder, '-t', `${length}`);
  const named = askZ3(folder, '-i', '-t', `${length}`);
  if (holds === (named === undefined)) return named;
  throw new Error(
    `the solvers must agree about ${module.name}; ${holds ? 'z3' : 'Yosys'} finds it wrong`,
  );
}

/** Whether some assertion fails within `cycles` cycles from reset once a module has the bug. */
export function findsBug(t: Cleanup, module: Module, cycles: number, bug: Mutation): boolean {
  const folder = writeProof(t, module);
  mutateFile(folder, bug);
  const bounded = ['-tempinduct', '-tempinduct-baseonly', '-maxsteps', `${cycles}`];
  return askYosys(folder, ...bounded).text.includes(FAILS_FROM_RESET);
}

function writeProof(t: Cleanup, module: Module): string {
  const { folder, files } = writeModule(t, module);
  writeFileSync(join(folder, `${TOP}.sv`), resetFirst(module));
  writeFileSync(
    join(folder, 'read.ys'),
    `read_verilog -formal -sv ${files.join(' ')} ${TOP}.sv
prep -flatten -nordff -top ${TOP}
# Memories in proofs are small: as registers they leave the solvers with nothing but bits.
memory_map; opt
# An assertion is about the values of its own cycle, not those that a flip-flop kept of it.
chformal -early
opt -full; dffunmap; opt_clean
write_smt2 ${TOP}.smt2
`,
  );
  return folder;
}

function askYosys(folder: string, ...options: readonly string[]): { holds: boolean; text: string } {
  const script = `script read.ys; sat ${options.join(' ')} -prove-asserts -set-assumes ${TOP}`;
  const { stdout, stderr, error } = spawnSync('yosys', ['-p', script], {
    cwd: folder,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  if (error !== undefined) throw error;
  const text = `${stdout}${stderr}`;
  const [holds, fails] = [/Induction step proven: SUCCESS/, /: FAIL|proof failed/].map((sign) =>
    sign.test(text),
  );
  const answered = holds || fails || text.includes('End of script');
  if (answered && !/^ERROR/m.test(text)) return { holds: holds!, text };
  throw new Error(`yosys: must prove or refute ${folder}, not\n${text.slice(-3000)}`);
}

/** Undefined if it passes, else the names of the assertions that fail. */
function askZ3(folder: string, ...options: readonly string[]): string | undefined {
  const { stdout, stderr, error, status } = spawnSync(
    'yosys-smtbmc',
    [...Z3, ...options, `${TOP}.smt2`],
    { cwd: folder, encoding: 'utf8' },
  );
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
  const label = before.map((text) => /begin : (\w+)/.exec(text)?.[1]);
  return label.find((name) => name !== undefined) ?? `${path}:${line}`;
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

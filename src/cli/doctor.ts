/** celadon doctor: is everything there that Celadon needs, and what to do if not. */
import type { Command } from 'commander';
import { chipNames, loadAccelerators, loadChip, loadExportRules } from '../chip/index.ts';
import {
  checkMemory,
  checkNode,
  checkProcessor,
  checkTemporaryFolder,
  checkTools,
  checkWasm,
  type Check,
  type Status,
} from './machineChecks.ts';
import { builtinModelNames, openModel } from './models.ts';
import { Output, type GlobalOptions } from './output.ts';

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description('check this machine and this installation')
    .action((_: unknown, command: Command) =>
      doctor(new Output(command.optsWithGlobals<GlobalOptions>())),
    );
}

function doctor(output: Output): void {
  const checks = [
    checkNode(),
    checkProcessor(),
    checkMemory(),
    checkTemporaryFolder(),
    ...checkWasm(),
    ...checkInstallation(),
    ...checkTools(),
  ];
  const healthy = checks.every(({ status, required }) => status !== 'missing' || !required);
  process.exitCode = healthy ? 0 : 1;
  if (output.json) {
    output.result({ healthy, checks });
    return;
  }
  const width = Math.max(...checks.map(({ name }) => name.length));
  for (const check of checks) output.line(formatCheck(check, width, output));
}

const STYLES = { ok: 'green', warn: 'yellow', missing: 'red' } as const satisfies Record<
  Status,
  string
>;
const STATUS_WIDTH = 8;

function formatCheck({ name, status, found, fix }: Check, width: number, output: Output): string {
  const mark = output.mark(STYLES[status], status.padEnd(STATUS_WIDTH));
  const line = `${mark}${name.padEnd(width)}  ${found}`;
  return fix === undefined ? line : `${line}\n${' '.repeat(STATUS_WIDTH + width + 2)}fix: ${fix}`;
}

/** The models and chips that belong to the installation. */
function checkInstallation(): Check[] {
  return [
    tryEach('models', builtinModelNames(), (name) => openModel(name).checkpoint.close()),
    tryEach('chips', chipNames(), loadChip),
    tryEach('accelerators', ['catalogue/accelerators'], loadAccelerators),
    tryEach('export rules', ['catalogue/rules'], loadExportRules),
  ];
}

function tryEach(
  name: string,
  items: readonly string[],
  attempt: (item: string) => unknown,
): Check {
  const problems = items.flatMap((item) => {
    try {
      attempt(item);
      return [];
    } catch (error) {
      return [`${item}: ${(error as Error).message}`];
    }
  });
  if (problems.length === 0) return { name, status: 'ok', found: items.join(', ') };
  const fix = 'install celadon again';
  return { name, status: 'missing', found: problems.join('; '), fix, required: true };
}

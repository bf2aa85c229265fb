/** celadon rtl: the SystemVerilog of a chip, with what it takes to lint, simulate and synthesise it. */
import type { Command } from 'commander';
import { formatBytes } from '../base/index.ts';
import { loadChip } from '../chip/index.ts';
import { writeFolder } from './newFile.ts';
import { Output, type GlobalOptions } from './output.ts';
import { formatTable } from './table.ts';
import { DEFAULT_CHIP } from './targets.ts';

interface RtlOptions extends GlobalOptions {
  readonly chip: string;
  readonly output: string;
}

export function addRtl(program: Command): void {
  program
    .command('rtl')
    .description('write the SystemVerilog of a chip, a Makefile, constraints and a test bench')
    .option('--chip <name|file>', 'chip to write', DEFAULT_CHIP)
    .requiredOption('-o, --output <folder>', 'folder for the files')
    .action((_: unknown, command: Command) => rtl(command.optsWithGlobals<RtlOptions>()));
}

async function rtl(options: RtlOptions): Promise<void> {
  const output = new Output(options);
  const chip = loadChip(options.chip);
  const { loadVerification } = await import('../target/jade/index.ts');
  const { allFiles } = await loadVerification();
  const files = allFiles(chip);
  writeFolder(options.output, Object.fromEntries(files));
  const rows = [...files].map(([name, text]) => ({
    name,
    lines: text.split('\n').length - 1,
    sizeBytes: Buffer.byteLength(text),
  }));
  const modules = rows.filter(({ name }) => name.endsWith('.sv'));
  if (output.json) {
    output.result({ chip: chip.name, folder: options.output, files: rows });
    return;
  }
  const table = rows.map(({ name, lines, sizeBytes }) => [
    name,
    `${lines}`,
    formatBytes(sizeBytes),
  ]);
  output.line(formatTable([['file', 'lines', 'size'], ...table]));
  output.note(`${modules.length} modules of ${chip.name} written to ${options.output}`);
  if (chip.cores > 1) output.note(`this is one core; the chip has ${chip.cores}`);
  output.note('there: make lint, make bench, make synthesis');
}

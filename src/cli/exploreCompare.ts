/** celadon explore-compare: two studies side by side, as of two commits or two sets of limits. */
import type { Command } from 'commander';
import { compareStudies, comparisonDocument, StudyStore } from '../explore/index.ts';
import { Output, type GlobalOptions } from './output.ts';
import { formatOption, outputOption, publish, type PublishOptions } from './publish.ts';

export function addExploreCompare(program: Command): void {
  program
    .command('explore-compare')
    .description('the fronts of two studies side by side, and what they were asked')
    .argument('<before>', 'a study of celadon explore -o')
    .argument('<after>', 'another')
    .addOption(formatOption())
    .addOption(outputOption())
    .action((before: string, after: string, _: unknown, command: Command) =>
      compare(before, after, command.optsWithGlobals<GlobalOptions & PublishOptions>()),
    );
}

function compare(before: string, after: string, options: GlobalOptions & PublishOptions): void {
  const output = new Output(options);
  const studies = [StudyStore.read(before), StudyStore.read(after)] as const;
  const compared = compareStudies(...studies);
  const { asked, fronts } = compared;
  if (output.json) output.result({ asked, fronts });
  else publish({ studies: comparisonDocument(compared) }, options, output);
  for (const study of studies) study.close();
}

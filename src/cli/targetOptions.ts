/** The options of commands that run a model on a target of the user's choice. */
import type { Command } from 'commander';
import { choice, wholeNumber } from './arguments.ts';
import { ACTIVATIONS, EMITTERS, TARGET_NAMES } from './targets.ts';

/** Adds --target, --chip, and what the cpu alone has. */
export function addTargetOptions(command: Command): Command {
  return command
    .addOption(choice('--target <name>', 'what runs it', TARGET_NAMES).default('cpu'))
    .option('--chip <name|file>', 'chip of jade, or whose numerics the reference has')
    .option('--threads <count>', 'of the cpu (default: one a core)', wholeNumber(1))
    .addOption(
      choice('--emitter <name>', 'of the cpu: code that it runs (default: auto)', EMITTERS),
    )
    .addOption(
      choice(
        '--activations <format>',
        'of the cpu: what weights of few bits are multiplied with (default: int8)',
        ACTIVATIONS,
      ),
    );
}

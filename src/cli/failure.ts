/** What a command says when it fails, and the exit code for it. */
import { CommanderError } from 'commander';
import { CeladonError } from '../base/index.ts';

/** Exit code after Ctrl-C, as shells have it: 128 + SIGINT. */
export const INTERRUPTED = 130;

const USAGE = 2;

/** Tell about `error` on stderr, without a stack trace unless `verbose`; returns the exit code. */
export function reportFailure(error: unknown, verbose: boolean): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE; // it has spoken
  process.stderr.write(`${describe(error).map(printable).join('\n')}\n`);
  if (verbose && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  return error instanceof CeladonError ? error.exitCode : 1;
}

/** The most characters that are shown of anything: names and messages may come from a file. */
const MAX_SHOWN = 2000;

/** Text for a terminal: short, and without characters that would control it. */
function printable(text: string): string {
  const short = text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
  return short.replaceAll(
    /[^\P{Cc}\n]/gu,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}

/** `error: message`, then where it is and what to do, a line each. */
function describe(error: unknown): string[] {
  if (error instanceof CeladonError) {
    const { message, where, hint } = error;
    const lines = [`error: ${message}`];
    if (where !== undefined) lines.push(`  at: ${where}`);
    if (hint !== undefined) lines.push(`  try: ${hint}`);
    return lines;
  }
  const message = error instanceof Error ? error.message : String(error);
  if (isSystemError(error)) return [`error: ${message}`];
  return [
    `error: ${message}`,
    `  try: --verbose shows where; this is a defect of celadon, please report it`,
  ];
}

/** What the operating system refused, such as a full disk. */
function isSystemError(error: unknown): boolean {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === 'string';
}

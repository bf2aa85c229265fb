/**
 * What the commands say, and where: results on stdout, everything else on stderr.
 *
 * Colours and progress are for terminals only; NO_COLOR and FORCE_COLOR [1] are respected. A reader
 * that closes the pipe early (`| head`) ends the program quietly.
 *
 * [1] https://no-color.org, https://force-color.org
 */
import { styleText, type InspectColor } from 'node:util';

/** Options of every command. */
export interface GlobalOptions {
  readonly json?: boolean;
  readonly verbose?: boolean;
  readonly quiet?: boolean;
}

type Stream = NodeJS.WriteStream;

/** Speaks for one command. */
export class Output {
  readonly json: boolean;
  readonly verbose: boolean;
  readonly #quiet: boolean;
  #progressShown = false;

  constructor({ json = false, verbose = false, quiet = false }: GlobalOptions) {
    this.json = json;
    this.verbose = verbose;
    this.#quiet = quiet;
  }

  /** A part of the result, as it is. */
  write(text: string): void {
    this.#clearProgress();
    process.stdout.write(text);
  }

  /** A line of the result. */
  line(text = ''): void {
    this.write(`${text}\n`);
  }

  /** The whole result of a command under --json, on one line. */
  result(value: object): void {
    this.line(JSON.stringify(value));
  }

  /** Something worth knowing beside the result. */
  note(text: string): void {
    if (this.#quiet) return;
    this.#clearProgress();
    process.stderr.write(`${text}\n`);
  }

  /** Replaces the line that tells how far the work is; on a terminal only. */
  progress(text: string): void {
    if (this.#quiet || !process.stderr.isTTY) return;
    process.stderr.write(`\r\x1b[2K${this.mark('gray', text, process.stderr)}`);
    this.#progressShown = true;
  }

  /** Ends the line of progress. */
  done(): void {
    this.#clearProgress();
  }

  /** `text` in a style, where the stream shows styles. */
  mark(style: InspectColor, text: string, stream: Stream = process.stdout): string {
    return styleText(style, text, { stream });
  }

  #clearProgress(): void {
    if (!this.#progressShown) return;
    process.stderr.write('\r\x1b[2K');
    this.#progressShown = false;
  }
}

/** Makes the program end without an error when a reader closes its end of a pipe. */
export function endQuietlyOnClosedPipe(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(process.exitCode ?? 0);
      throw error;
    });
  }
}

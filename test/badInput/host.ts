/**
 * A process that runs celadon on one list of arguments after another, as its parent sends them, and
 * answers what a process of its own would have left: starting one takes far longer than a refusal.
 */
import { runCommand } from '../../src/cli/main.ts';
import { peakBytes, resetPeak } from './peak.ts';

export interface Ended {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Peak of resident memory; NaN when the process was killed. */
  readonly peakBytes: number;
}

export interface Hosted extends Ended {
  /** What this process holds in memory afterwards. */
  readonly heldBytes: number;
}

/**
 * Garbage below this may lie: most cases leave little, and finding it takes as long as some of them. Above what
 * the modules take, and far enough below what a refusal may that none is blamed for the one before it.
 */
const COLLECT_BYTES = 110e6;

type Stream = 'stdout' | 'stderr';

process.on('message', (args: readonly string[]) => {
  void run(args).then((ended) => process.send!(ended));
});

async function run(args: readonly string[]): Promise<Hosted> {
  const said = { stdout: '', stderr: '' };
  const restore = (['stdout', 'stderr'] as const).map((stream) => collect(stream, said));
  const others = new Set(process.listeners('exit'));
  process.exitCode = undefined;
  resetPeak();
  await runCommand(args);
  const ended = { exitCode: Number(process.exitCode ?? 0), peakBytes: peakBytes() };
  for (const listener of process.listeners('exit')) {
    if (!others.has(listener)) endWith(listener, ended.exitCode);
  }
  for (const back of restore) back();
  if (process.memoryUsage.rss() > COLLECT_BYTES) globalThis.gc!();
  return { ...ended, ...said, heldBytes: process.memoryUsage.rss() };
}

/** What a stream is given goes to `said`; returns what undoes that. */
function collect(stream: Stream, said: Record<Stream, string>): () => void {
  const { write } = process[stream];
  process[stream].write = (text: string | Uint8Array) => {
    said[stream] += typeof text === 'string' ? text : Buffer.from(text).toString();
    return true;
  };
  return () => {
    process[stream].write = write;
  };
}

/** What the command left for the end of its process happens now. */
function endWith(listener: NodeJS.ExitListener, exitCode: number): void {
  process.off('exit', listener);
  listener.call(process, exitCode);
}

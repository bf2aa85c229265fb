/**
 * The command line for tests. The first use of each command has a process of its own, the others share
 * one: starting it, and running code that is new to it, takes longer than most of what is asked.
 */
import { after } from 'node:test';
import { Host } from './badInput/celadon.ts';

/** Far more than anything takes, so that only a hang is hit. */
const KILL_MILLISECONDS = 240_000;

const host = new Host({ killMilliseconds: KILL_MILLISECONDS, heldBytes: Infinity });
after(() => host.stop());

/** How celadon ended; the status is null when a signal ended it. */
export interface Ending {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export async function celadon(...args: readonly string[]): Promise<Ending> {
  const { exitCode, stdout, stderr } = await host.start(args);
  return { status: exitCode, stdout, stderr };
}

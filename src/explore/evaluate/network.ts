/**
 * Links of a system as collectives see them (cluster/collectives.ts): the cores of a chip are a domain.
 *
 *   in a chip     cores exchange through memory: a meeting is a write and a read of it, bytes go at the
 *                 bandwidth of a core
 *   between them  cores share the link of their chip; a meeting is a hop (catalogue/links.json)
 *
 * Ranks of a tensor group are cores beside each other; a rank sends rows of experts and of stages to the
 * rank of the same part in another group, whole, since every one multiplies whole rows. Rows go as bf16,
 * to experts in the activation format. Nothing hides behind products: a step waits for its links.
 */
import { loadLinks, type Chip } from '../../chip/index.ts';
import { exchangeOf, passSeconds, sumSeconds, type Network } from '../../cluster/index.ts';
import { largestLoad, ROW_BYTES, type Meeting } from '../../cost/index.ts';
import { MX_BLOCK, type Dims } from '../../ir/index.ts';
import type { System } from '../space/design.ts';

const HOP_SECONDS = loadLinks().hopSeconds.value;

/** Bytes of an activation: an 8-bit element and its part of a scale. */
const ACTIVATION_BYTES = (MX_BLOCK + 1) / MX_BLOCK;

/** What a step of a model sends. */
export interface Traffic {
  readonly meetings: readonly Meeting[];
  /** Elements of a token from a stage to the next. */
  readonly passedElements: number;
}

/** Of one core. */
export function memoryBytesPerSecond({ memory, clockHz }: Chip): number {
  return memory.bytesPerCycle * clockHz;
}

/** What a stage waits for links in a step of each group with `dims`. */
export function linkSeconds(
  system: System,
  { meetings, passedElements }: Traffic,
  dims: Dims,
): number {
  const { tensor, pipeline, expert } = system;
  const network = networkOf(system);
  const groups = groupsOf(system, network);
  let seconds = 0;
  for (const { count, ...meeting } of meetings) {
    const tokens = dims.B * (meeting.last ? 1 : dims.T);
    seconds += count * sumSeconds(tokens * meeting.width * ROW_BYTES, tensor, network);
    if (meeting.kind === 'sum' || expert === 1) continue;
    const choices = tokens * meeting.topK;
    const sent = {
      ...{ tokens, ranks: expert, direct: dims.T === 1, dispatchBytes: ACTIVATION_BYTES },
      skew: largestLoad(choices, expert) / choices,
    };
    const { dispatchSeconds, combineSeconds } = exchangeOf({ ...meeting, count }, sent, groups);
    seconds += count * (dispatchSeconds + combineSeconds);
  }
  if (pipeline === 1) return seconds;
  const isFar = system.chips > 1;
  const bytes = dims.B * dims.T * passedElements * ROW_BYTES;
  const start = { ...network, meetingSeconds: isFar ? HOP_SECONDS : network.meetingSeconds };
  return seconds / pipeline + passSeconds(bytes, isFar, start);
}

function networkOf({ chip, chips, linkBytesPerSecond }: System): Network {
  const meetingSeconds = (2 * chip.memory.latencyCycles) / chip.clockHz;
  return {
    domain: chip.cores,
    insideBytesPerSecond: memoryBytesPerSecond(chip),
    outsideBytesPerSecond: chips === 1 ? Infinity : linkBytesPerSecond / chip.cores,
    meetingSeconds,
    exchangeSeconds: chips === 1 ? meetingSeconds : HOP_SECONDS,
  };
}

/** The network as tensor groups see it: one rank of each. */
function groupsOf({ chip, tensor }: System, network: Network): Network {
  return { ...network, domain: Math.max(1, Math.floor(chip.cores / tensor)) };
}

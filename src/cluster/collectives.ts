/**
 * Collectives on two levels of links: a scale-up domain, and adapters between domains.
 *
 *   sum       one shot: a + (n−1)·b/w        two shots: 2a + 2(n−1)/n·b/w        the faster of them [1]
 *   exchange  dispatch, combine: each a' + bytes sent / w                         (all-to-all)
 *
 * a: all ranks meet; a': an exchange starts; b: bytes of a rank; w: bandwidth of a rank that is reached.
 * Between domains of d chips a sum is scattered inside, summed over 1/d of the bytes outside, where it
 * starts as exchanges do, and gathered inside. Tokens of prompts cross to another domain once for each of the domains their experts
 * are in, and are forwarded there; those of single tokens go to each of their experts directly, which
 * starts sooner and sends more [2]. This gives the low-latency kernels of DeepEP from 16 to 256 ranks
 * within 13 %: 173 and 314 µs of EP64 are 174 and 324 here.
 *
 * [1] Thakur, Rabenseifner, Gropp: Optimization of Collective Communication Operations in MPICH, 2005,
 *     https://doi.org/10.1177/1094342005051521
 * [2] https://github.com/deepseek-ai/DeepEP/blob/main/docs/legacy.md, normal and low-latency kernels
 */
import type { ChipModel, Meeting } from '../cost/index.ts';

export interface Network {
  /** Chips of a scale-up domain. */
  readonly domain: number;
  /** Bandwidth a chip reaches in one direction, inside a domain and out of it. */
  readonly insideBytesPerSecond: number;
  readonly outsideBytesPerSecond: number;
  readonly meetingSeconds: number;
  readonly exchangeSeconds: number;
}

/** The links of a chip; without a published scale-up link every chip is a domain of its own. */
export function networkOf({ efficiency, domain, linkBytesPerSecond: inside }: ChipModel): Network {
  const outside = efficiency.scaleOutBytesPerSecond.value * efficiency.link.value;
  return {
    domain,
    insideBytesPerSecond: inside === null ? outside : inside * efficiency.link.value,
    outsideBytesPerSecond: outside,
    meetingSeconds: efficiency.meetingSeconds.value,
    exchangeSeconds: efficiency.exchangeSeconds.value,
  };
}

/** Sums `bytes` over `ranks`, all of which have the result. */
export function sumSeconds(bytes: number, ranks: number, network: Network): number {
  if (ranks === 1) return 0;
  const { domain, insideBytesPerSecond: w, outsideBytesPerSecond, meetingSeconds: a } = network;
  const inside = Math.min(ranks, domain);
  const twoShots = 2 * a + (2 * (inside - 1) * bytes) / (inside * w);
  if (ranks <= domain) return Math.min(a + ((ranks - 1) * bytes) / w, twoShots);
  const domains = ranks / inside;
  const outside = (2 * (domains - 1) * (bytes / inside)) / (domains * outsideBytesPerSecond);
  return (inside === 1 ? 0 : twoShots) + 2 * network.exchangeSeconds + outside;
}

/** What comes back from experts. */
const COMBINE_BYTES = 2;

/** Tokens of each rank to their experts, and what these made of them back. */
export interface Exchange {
  readonly dispatchSeconds: number;
  readonly combineSeconds: number;
}

/** Rows that each rank sends over `ranks`. */
export interface Sent {
  readonly tokens: number;
  readonly ranks: number;
  /** Bytes of an element on the way to experts. */
  readonly dispatchBytes: number;
  /** Every copy goes to its rank on its own, as in steps that write: nobody forwards. */
  readonly direct: boolean;
  /** Rows of the fullest rank over those of uniform choices. */
  readonly skew: number;
}

export const NO_EXCHANGE: Exchange = { dispatchSeconds: 0, combineSeconds: 0 };

export function exchangeOf(
  { width, topK, topGroups }: Meeting,
  { tokens, ranks, dispatchBytes, direct, skew }: Sent,
  network: Network,
): Exchange {
  if (ranks === 1) return NO_EXCHANGE;
  const { domain, insideBytesPerSecond, outsideBytesPerSecond } = network;
  const inside = Math.min(ranks, domain);
  const domains = Math.ceil(ranks / inside);
  const met = Math.min(topGroups, domains * (1 - (1 - 1 / domains) ** topK));
  const near = topK * (direct ? (inside - 1) / ranks : 1 - 1 / ranks);
  const far = direct ? topK * (1 - inside / ranks) : (met * (domains - 1)) / domains;
  const nearSeconds = inside === 1 ? 0 : near / insideBytesPerSecond;
  const each = skew * tokens * width * Math.max(nearSeconds, far / outsideBytesPerSecond);
  return {
    dispatchSeconds: network.exchangeSeconds + each * dispatchBytes,
    combineSeconds: network.exchangeSeconds + each * COMBINE_BYTES,
  };
}

/** Rows from one stage of a pipeline to the next. */
export function passSeconds(bytes: number, outOfDomain: boolean, network: Network): number {
  const { insideBytesPerSecond, outsideBytesPerSecond, meetingSeconds } = network;
  return meetingSeconds + bytes / (outOfDomain ? outsideBytesPerSecond : insideBytesPerSecond);
}

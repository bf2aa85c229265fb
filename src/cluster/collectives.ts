/**
 * Collectives on two levels of links: a scale-up domain, and adapters between domains.
 *
 *   sum       one shot: a + (n−1)·b/w        two shots: 2a + 2(n−1)/n·b/w        the faster of them [1]
 *   exchange  dispatch and combine: 2a' + bytes sent / w                          (all-to-all)
 *
 * a: all ranks meet; a': an exchange starts; b: bytes of a rank; w: bandwidth of a rank that is reached.
 * Between domains of d chips a sum is scattered inside, summed over 1/d of the bytes outside, and
 * gathered inside. Tokens cross to another domain once for each of the domains their experts are in.
 *
 * [1] Thakur, Rabenseifner, Gropp: Optimization of Collective Communication Operations in MPICH, 2005,
 *     https://doi.org/10.1177/1094342005051521
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
export function networkOf({ chip, efficiency }: ChipModel): Network {
  const { bandwidthBytesPerSecond: inside, scaleUpChips } = chip.interconnect;
  const outside = efficiency.scaleOutBytesPerSecond.value * efficiency.link.value;
  return {
    domain: inside === null ? 1 : (scaleUpChips ?? 1),
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
  return (inside === 1 ? 0 : twoShots) + 2 * a + outside;
}

/** What tokens are sent to experts in, and what comes back. */
const COMBINE_BYTES = 2;

/** Tokens of each rank to their experts over `ranks`, and back. */
export function exchangeSeconds(
  tokens: number,
  { width, topK, topGroups }: Meeting,
  ranks: number,
  dispatchBytes: number,
  network: Network,
): number {
  if (ranks === 1) return 0;
  const { domain, insideBytesPerSecond, outsideBytesPerSecond } = network;
  const row = width * (dispatchBytes + COMBINE_BYTES);
  const inside = Math.min(ranks, domain);
  const domains = Math.ceil(ranks / inside);
  const sent = tokens * topK * row * (1 - 1 / ranks);
  const start = 2 * network.exchangeSeconds;
  if (domains === 1) return start + sent / insideBytesPerSecond;
  const met = Math.min(topGroups, domains * (1 - (1 - 1 / domains) ** topK));
  const crossing = (tokens * met * row * (domains - 1)) / domains;
  return (
    start +
    Math.max(crossing / outsideBytesPerSecond, inside === 1 ? 0 : sent / insideBytesPerSecond)
  );
}

/** Rows from one stage of a pipeline to the next. */
export function passSeconds(bytes: number, outOfDomain: boolean, network: Network): number {
  const { insideBytesPerSecond, outsideBytesPerSecond, meetingSeconds } = network;
  return meetingSeconds + bytes / (outOfDomain ? outsideBytesPerSecond : insideBytesPerSecond);
}

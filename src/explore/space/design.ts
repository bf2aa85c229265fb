/** Design: what a study chooses: chips of the Jade template, and how many of them serve a model together. */
import type { Chip } from '../../chip/index.ts';

/** Chips of one kind that serve one replica of a model. */
export interface System {
  readonly chip: Chip;
  /** Chips of a replica; the ranks of its layout are their cores. */
  readonly chips: number;
  /** Ranks that divide heads, widths and the vocabulary. */
  readonly tensor: number;
  /** Stages of layers. */
  readonly pipeline: number;
  /** Groups of `tensor` ranks with sequences of their own, among which experts are divided. */
  readonly expert: number;
  /** Of a chip to the others, in one direction; a chip's RTL has no link, so links have no area here. */
  readonly linkBytesPerSecond: number;
}

/** One point of a design space. Prompts are read by the same chips unless `prefill` names others. */
export interface Design {
  readonly decode: System;
  readonly prefill: System | undefined;
}

/** What lies in the chip's external memory: tiles of weights, constants, state and mailboxes (layout.ts). */
import { type MxFormat } from '../../ir/index.ts';

export interface TiledWeight {
  readonly kind: 'tiles';
  readonly name: string;
  readonly address: number;
  readonly format: MxFormat;
  /** Heads or experts; 1 for a plain weight. */
  readonly planes: number;
  readonly rows: number;
  readonly columns: number;
  readonly tileRows: number;
  readonly tileColumns: number;
  readonly slotBytes: number;
}

export interface PlainRegion {
  readonly kind:
    | 'f32'
    | 'taps'
    | 'bf16'
    | 'choices'
    | 'rotary'
    | 'filled'
    | 'state'
    | 'replaced'
    | 'past'
    | 'ends'
    | 'sinks'
    | 'mailbox';
  readonly name: string;
  readonly address: number;
  readonly sizeBytes: number;
}

export interface StateRegion extends PlainRegion {
  readonly kind: 'state';
  readonly groups: number;
  /** A row is in so many parts, each behind the same part of the position before: its blocks, or one. */
  readonly parts: number;
  readonly partBytes: number;
  readonly capacity: number;
}

/** A state that steps replace, in f32: that of a sequence is one piece, zeros when the sequence starts. */
export interface ReplacedRegion extends PlainRegion {
  readonly kind: 'replaced';
  readonly sequenceBytes: number;
}

/** One f32, again and again: as many as an operator needs. */
export interface FilledRegion extends PlainRegion {
  readonly kind: 'filled';
  readonly value: number;
}

/** For each token a row of bf16: 0 for the experts that a table gives it, −Inf for others. */
export interface ChoicesRegion extends PlainRegion {
  readonly kind: 'choices';
  readonly weight: string;
  readonly experts: number;
}

/** −Inf for each row of a window that is before the first position, then +0. */
export interface PastRegion extends PlainRegion {
  readonly kind: 'past';
  readonly room: number;
}

/** 1 for each position that is the last of so many, +0 for the others. */
export interface EndsRegion extends PlainRegion {
  readonly kind: 'ends';
  readonly tokens: number;
}

/** For each head the columns behind its window: −Inf but for the logit of the sink, before it is scaled. */
export interface SinksRegion extends PlainRegion {
  readonly kind: 'sinks';
  readonly weight: string;
  readonly scale: number;
  readonly room: number;
}

export interface RotaryRegion extends PlainRegion {
  readonly kind: 'rotary';
  readonly frequencies: readonly number[];
  readonly magnitude: number;
  /** The position of the first row. */
  readonly offset: number;
}

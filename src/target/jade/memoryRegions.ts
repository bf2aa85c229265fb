/** What lies in the chip's external memory, each piece under a key: its kinds and their names. */
import { MX_BLOCK, type MxFormat, type Node, type NodeOf } from '../../ir/index.ts';
import { blockBytes } from './isa.table.ts';

/** Bytes of an MX row of `width` elements. */
export function mxRowBytes(width: number, format: MxFormat): number {
  return (width / MX_BLOCK) * blockBytes(format);
}

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
    | 'edge'
    | 'newest'
    | 'ramp'
    | 'later'
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
  /** Positions that there is room for: of those of an item the last is its row. */
  readonly capacity: number;
  /** Positions from row to row: 1 also where rows lie behind one another that stand for several. */
  readonly step: number;
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

/** One number `most` times, then another `most` + 2 times. */
export interface EdgeRegion extends PlainRegion {
  readonly kind: 'edge';
  readonly numbers: readonly [number, number];
  readonly most: number;
}

/** What is counted by positions: blocks of so many rows, each of so many tokens. */
export interface Items {
  readonly tokensPerRow: number;
  readonly blockRows: number;
}

/** For each position as i32 where to cut an edge, so that as much of its first number is left as items are seen. */
export interface NewestRegion extends PlainRegion {
  readonly kind: 'newest';
  readonly items: Items;
  readonly most: number;
}

/** For each position a row of `tokens` − 1: +0 for those of its block up to it, −Inf for later ones; all of a complete one are. */
export interface LaterRegion extends PlainRegion {
  readonly kind: 'later';
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

/** Mailbox of the rows that the host gives to a graph that reads those of another. */
export const GIVEN_ROWS = 'given rows';

/** The input that reads them. */
export function isGiven(node: Node): boolean {
  return node.op === 'input' && node.attrs.name === 'hidden';
}

/** Mailbox of the rows that a graph gives. */
export const HIDDEN_ROWS = 'hidden rows';

/** Key of a rotary table: the angles it holds. */
export function rotaryKey(node: NodeOf<'rotaryEmbedding'>): string {
  const { frequencies, magnitude, offset = 0 } = node.attrs;
  return `rotary(${magnitude}; ${offset}; ${frequencies.join(',')})`;
}

export function pastKey(room: number): string {
  return `past:${room}`;
}

export function endsKey(tokens: number): string {
  return `ends:${tokens}`;
}

/** Numbers that grow so fast that e^x of all but the last is nothing beside that of it: one for each block. */
export function rampKey(tokens: number): string {
  return `ramp:${tokens}`;
}

export function edgeKey([before, behind]: readonly [number, number]): string {
  return `edge:${before},${behind}`;
}

export function newestKey({ tokensPerRow, blockRows }: Items): string {
  return `newest:${tokensPerRow},${blockRows}`;
}

/** Whether positions are divided by so many tokens as they are shifted. */
export function isByShift(tokensPerRow: number): boolean {
  return Number.isInteger(Math.log2(tokensPerRow));
}

export function laterKey(tokens: number): string {
  return `later:${tokens}`;
}

export function sinksKey({ inputs }: NodeOf<'windowAttention'>): string {
  return `sinks:${(inputs[3] as NodeOf<'weight'>).attrs.name}`;
}

/** Region of the scale bytes of a state that has attention values. */
export function scalesKey({ attrs }: NodeOf<'state'>): string {
  return `scales:${attrs.name}`;
}

/** The name of the state that a region is of, or has the scale bytes of. */
export function stateOfScales(name: string): string {
  return name.replace(/^scales:/, '');
}

/** Region of one f32, again and again. */
export function filledKey(value: number): string {
  return `filled:${value}`;
}

/** Region of a table of experts by token. */
export function choicesKey({ attrs }: NodeOf<'weight'>): string {
  return `choices:${attrs.name}`;
}

/** Region of the weights (C,W) of a convolution, as W rows of C. */
export function tapsKey(weight: Node): string {
  return `taps:${(weight as NodeOf<'weight'>).attrs.name}`;
}

/** Mailbox of the rows that the host finds by n-gram. */
export function ngramsKey({ inputs }: NodeOf<'ngramRows'>): string {
  return `ngrams:${(inputs[0] as NodeOf<'state'>).attrs.name}`;
}

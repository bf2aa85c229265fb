/**
 * A grammar as a network of states: edges that take a byte, jumps that take nothing, and calls of rules,
 * which may call themselves (a recursive transition network [1]).
 *
 * Grammars are written as pieces, each a way from one state to another. What comes from outside may ask
 * for more states than there should be: that is a CapacityError before memory is taken.
 *
 * [1] Woods: Transition Network Grammars for Natural Language Analysis, CACM 13 (10), 1970
 */
import { CapacityError } from '../base/index.ts';

/** Most states of a network; some hundred bytes each. */
export const MAX_STATES = 100_000;

export interface ByteEdge {
  readonly low: number;
  readonly high: number;
  readonly to: number;
}

export interface Call {
  readonly rule: number;
  readonly to: number;
}

/** A rule is left at its end, which has no edges. */
export interface Rule {
  readonly start: number;
  readonly end: number;
}

/** Lays a way from one state to another. */
export type Piece = (network: Network, from: number, to: number) => void;

export class Network {
  readonly edges: ByteEdge[][] = [];
  readonly jumps: number[][] = [];
  readonly calls: Call[][] = [];
  readonly rules: Rule[] = [];

  /** Throws CapacityError when there are too many. */
  state(): number {
    if (this.edges.length === MAX_STATES) {
      throw new CapacityError(`a grammar must have at most ${MAX_STATES} states, not more`, {
        where: 'grammar',
        hint: 'use shorter lists of values, and lower limits of lengths and counts',
      });
    }
    this.jumps.push([]);
    this.calls.push([]);
    return this.edges.push([]) - 1;
  }

  /** A rule without a body yet, by its number. */
  rule(): number {
    return this.rules.push({ start: this.state(), end: this.state() }) - 1;
  }

  /** Gives a rule its body. */
  define(rule: number, body: Piece): void {
    const { start, end } = this.rules[rule]!;
    body(this, start, end);
  }
}

export const nothing: Piece = (network, from, to) => {
  network.jumps[from]!.push(to);
};

/** One byte from `low` to `high`. */
export function byteRange(low: number, high: number): Piece {
  return (network, from, to) => {
    network.edges[from]!.push({ low, high, to });
  };
}

/** A text, in UTF-8. */
export function text(literal: string): Piece {
  return sequence(
    ...Array.from(new TextEncoder().encode(literal), (byte) => byteRange(byte, byte)),
  );
}

export function sequence(...pieces: readonly Piece[]): Piece {
  if (pieces.length === 0) return nothing;
  return (network, from, to) => {
    let at = from;
    for (const [i, piece] of pieces.entries()) {
      const next = i === pieces.length - 1 ? to : network.state();
      piece(network, at, next);
      at = next;
    }
  };
}

/** One of the pieces; of none, there is no way. */
export function oneOf(...pieces: readonly Piece[]): Piece {
  return (network, from, to) => {
    for (const piece of pieces) piece(network, from, to);
  };
}

export function optional(piece: Piece): Piece {
  return oneOf(piece, nothing);
}

/** A piece from `least` to `most` times; without end when `most` is absent. */
export function repeat(piece: Piece, least: number, most?: number): Piece {
  return (network, from, to) => {
    let at = from;
    const step = (): void => {
      const next = network.state();
      piece(network, at, next);
      at = next;
    };
    for (let i = 0; i < least; i++) step();
    if (most === undefined) {
      const loop = network.state();
      nothing(network, at, loop);
      piece(network, loop, loop);
      at = loop;
    }
    for (let i = least; i < (most ?? 0); i++) {
      nothing(network, at, to);
      step();
    }
    nothing(network, at, to);
  };
}

export function call(rule: number): Piece {
  return (network, from, to) => {
    network.calls[from]!.push({ rule, to });
  };
}

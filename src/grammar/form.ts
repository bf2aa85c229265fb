/** Forms of an answer in which JSON stands between texts of a format, such as calls of tools. */
import { JsonWriter } from './schema.ts';
import { call, Network, oneOf, sequence, text, type Piece } from './network.ts';
import { characters, otherRanges, type CodePointRange } from './unicode.ts';

export type Form =
  | { readonly text: string }
  /** JSON of a schema whose references are to places in `root`; in itself unless said. */
  | { readonly json: unknown; readonly root?: unknown }
  /** Any text, then `until`; before it, nothing of `never`. */
  | { readonly until: string; readonly never: readonly string[] }
  | { readonly sequence: readonly Form[] }
  | { readonly oneOf: readonly Form[] };

/** The network of a form, and its root rule. Throws as `networkOfSchema` does. */
export function networkOfForm(form: Form): { network: Network; root: number } {
  const writer = new FormWriter();
  const root = writer.network.rule();
  writer.network.define(root, writer.piece(form));
  return { network: writer.network, root };
}

/** All texts that a form has as they stand. */
export function textsOf(form: Form): string[] {
  if ('text' in form) return [form.text];
  if ('until' in form) return [form.until];
  if ('json' in form) return [];
  return ('sequence' in form ? form.sequence : form.oneOf).flatMap(textsOf);
}

class FormWriter {
  readonly network = new Network();
  /** By the schema that references are to. */
  readonly #writers = new Map<unknown, JsonWriter>();
  /** Rules of texts that go on to an end, by that. */
  readonly #untils = new Map<string, number>();

  piece(form: Form): Piece {
    if ('text' in form) return text(form.text);
    if ('sequence' in form) return sequence(...form.sequence.map((part) => this.piece(part)));
    if ('oneOf' in form) return oneOf(...form.oneOf.map((part) => this.piece(part)));
    if ('until' in form) return call(this.#until(form.until, form.never));
    const { json, root = json } = form;
    const writer = this.#writers.getOrInsertComputed(
      root,
      () => new JsonWriter(root, this.network),
    );
    return call(writer.rule(json));
  }

  #until(end: string, never: readonly string[]): number {
    return this.#untils.getOrInsertComputed([end, ...never].join('\0'), () => {
      const rule = this.network.rule();
      this.network.define(rule, untilPiece(end, never));
      return rule;
    });
  }
}

/**
 * A state for each beginning of a text that is looked for, as Aho and Corasick have it [1]: a character leads to
 * the longest beginning that the text then ends with.
 *
 * [1] Efficient String Matching, CACM 18 (6), 1975
 */
function untilPiece(end: string, never: readonly string[]): Piece {
  const wanted = [end, ...never].map((one) => [...one]);
  const alphabet = [...new Set(wanted.flat())];
  const others = characters(otherRanges(alphabet.map(rangeOf).toSorted(([a], [b]) => a - b)));
  const beginnings = new Set(wanted.flatMap((one) => one.map((_, i) => one.slice(0, i).join(''))));
  return (network, from, to) => {
    const states = new Map(
      [...beginnings].map((one) => [one, one === '' ? from : network.state()]),
    );
    for (const [beginning, state] of states) {
      others(network, state, from);
      for (const character of alphabet) {
        const seen = beginning + character;
        if (seen.endsWith(end)) text(character)(network, state, to);
        else if (!never.some((one) => seen.endsWith(one)))
          text(character)(network, state, states.get(longestEnd(seen, beginnings))!);
      }
    }
  };
}

function longestEnd(seen: string, beginnings: ReadonlySet<string>): string {
  const characters = [...seen];
  const start = characters.findIndex((_, i) => beginnings.has(characters.slice(i).join('')));
  return start < 0 ? '' : characters.slice(start).join('');
}

function rangeOf(character: string): CodePointRange {
  return [character.codePointAt(0)!, character.codePointAt(0)!];
}

/** Metadata of a GGUF file by the names it has without the prefix of its architecture. */
import { problem, problemsError } from '../../../base/index.ts';
import { TextList } from '../../textList.ts';
import type { GgufValue } from './header.ts';

export type Metadata = ReadonlyMap<string, GgufValue>;

/** The entries `ARCHITECTURE.name`, where ARCHITECTURE is that of `general.architecture`. */
export class ModelMetadata {
  readonly architecture: string;
  readonly all: Metadata;

  /** Throws FormatError naming `where` when the file names no architecture. */
  constructor(all: Metadata, where: string) {
    const architecture = all.get('general.architecture');
    if (typeof architecture !== 'string') {
      throw problemsError([problem('general.architecture', 'a text', architecture)], where);
    }
    this.architecture = architecture;
    this.all = all;
  }

  /** The entry as it is, undefined if absent; what a field must be is checked with the configuration. */
  get(name: string): GgufValue | undefined {
    const value = this.all.get(`${this.architecture}.${name}`);
    return typeof value === 'number' ? shortestDecimal(value) : value;
  }

  /** The entry if it is a number. */
  number(name: string): number | undefined {
    const value = this.get(name);
    return typeof value === 'number' ? value : undefined;
  }
}

/**
 * The decimal that a maker wrote where the file has its f32: 1e-6 for 0.00000099999999747…; the shortest
 * of those that round to the same f32. Numbers that are no f32 stay.
 */
export function shortestDecimal(value: number): number {
  if (Number.isInteger(value) || Math.fround(value) !== value) return value;
  for (let digits = 1; digits < 9; digits++) {
    const decimal = Number(value.toPrecision(digits));
    if (Math.fround(decimal) === value) return decimal;
  }
  return value;
}

/** A list of texts, undefined for anything else. */
export function textsOf(value: GgufValue | undefined): TextList | undefined {
  if (value instanceof TextList) return value;
  return isTexts(value) ? TextList.of(value) : undefined;
}

/** A list of texts. Throws FormatError naming `where` for anything else. */
export function requireTexts(metadata: Metadata, key: string, where: string): TextList {
  const value = metadata.get(key);
  const texts = textsOf(value);
  if (texts !== undefined) return texts;
  throw problemsError([problem(key, 'a list of texts', value)], where);
}

function isTexts(value: GgufValue | undefined): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

/** A list of numbers, undefined if absent. Throws FormatError naming `where` for anything else. */
export function numbersOf(
  metadata: Metadata,
  key: string,
  where: string,
): readonly number[] | undefined {
  const value = metadata.get(key);
  if (value === undefined || isNumbers(value)) return value;
  throw problemsError([problem(key, 'a list of numbers', value)], where);
}

function isNumbers(value: GgufValue): value is readonly number[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'number');
}

/** The text of an entry, undefined if absent or no text. */
export function textOf(metadata: Metadata, key: string): string | undefined {
  const value = metadata.get(key);
  return typeof value === 'string' ? value : undefined;
}

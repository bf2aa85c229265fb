/**
 * The letters that byte-level BPE writes bytes with, since GPT-2 [1].
 *
 * Bytes that print (33–126, 161–172, 174–255) are written as the character of the same number; the
 * other 68 as U+0100, U+0101, … in order, so that a space is 'Ġ' and a newline 'Ċ'.
 *
 * [1] https://github.com/openai/gpt-2/blob/master/src/encoder.py (bytes_to_unicode)
 */

const isPrintable = (byte: number): boolean =>
  (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;

/** Letter of each byte. */
export const LETTERS: readonly string[] = lettersOfBytes();

/** Byte of each letter, by its code; -1 for other characters. */
const BYTES = bytesOfLetters();

/** A text in letters, one for each byte of its UTF-8. */
export function spell(text: string): string {
  return Array.from(new TextEncoder().encode(text), (byte) => LETTERS[byte]!).join('');
}

/** Bytes that a vocabulary entry stands for; an entry with other characters stands for its own UTF-8. */
export function bytesOfEntry(entry: string): Uint8Array {
  const bytes = new Uint8Array(entry.length);
  for (let i = 0; i < entry.length; i++) {
    const byte = BYTES[entry.charCodeAt(i)] ?? -1;
    if (byte < 0) return new TextEncoder().encode(entry);
    bytes[i] = byte;
  }
  return bytes;
}

function bytesOfLetters(): Int16Array {
  const codes = LETTERS.map((letter) => letter.charCodeAt(0));
  const bytes = new Int16Array(Math.max(...codes) + 1).fill(-1);
  for (const [byte, code] of codes.entries()) bytes[code] = byte;
  return bytes;
}

function lettersOfBytes(): string[] {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) =>
    String.fromCharCode(isPrintable(byte) ? byte : next++),
  );
}

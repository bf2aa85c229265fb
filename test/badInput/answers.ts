/**
 * The answers of a group in a text file, to be read and reviewed as a user would read them:
 *
 *   == name of the case
 *   all of stderr
 */
import fs from 'node:fs';
import path from 'node:path';

const HEADING = /^== (.*)\n/m;

function fileOf(group: string): string {
  return path.join(import.meta.dirname, `${group}.txt`);
}

/** The answers by the name of the case. */
export function readAnswers(group: string): ReadonlyMap<string, string> {
  const [, ...parts] = fs.readFileSync(fileOf(group), 'utf8').split(HEADING);
  const names = parts.filter((_, i) => i % 2 === 0);
  return new Map(names.map((name, i) => [name, parts[2 * i + 1]!]));
}

export function writeAnswers(group: string, answers: ReadonlyMap<string, string>): void {
  const parts = [...answers].map(([name, stderr]) => `== ${name}\n${stderr}`);
  fs.writeFileSync(fileOf(group), parts.join(''));
}

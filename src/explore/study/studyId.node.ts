import { sha256Hex } from '../../base/index.ts';
import { canonicalJson } from './differences.ts';
import type { Json, StudyDefinition } from './study.ts';

/** A definition in 16 hexadecimal digits, whatever the order of its names. */
export function studyId(definition: StudyDefinition): string {
  const text = canonicalJson(definition as unknown as Json);
  return sha256Hex(new TextEncoder().encode(text)).slice(0, 16);
}

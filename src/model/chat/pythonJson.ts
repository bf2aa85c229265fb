/**
 * JSON as Python's `json.dumps(value, ensure_ascii=False)` writes it, because models were trained on
 * that: a space after commas and colons, and numbers as Python shows them.
 */
import { isRecord } from '../../base/index.ts';

/** Write a value; `undefined` fields are left out. */
export function toPythonJson(value: unknown): string {
  if (typeof value === 'number') return pythonNumber(value);
  if (value instanceof NumberText) return value.text;
  if (Array.isArray(value)) return `[${value.map(toPythonJson).join(', ')}]`;
  if (!isRecord(value)) return JSON.stringify(value ?? null);
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  return `{${fields.map(([key, field]) => `${JSON.stringify(key)}: ${toPythonJson(field)}`).join(', ')}}`;
}

/** Parse JSON for `toPythonJson`, which then shows its numbers as Python would: 1.0 stays, 2^70 is exact. */
export function parseForPython(text: string): unknown {
  return JSON.parse(text, (_key, value: unknown, context?: { readonly source?: string }) =>
    typeof value === 'number' && context?.source !== undefined
      ? new NumberText(numberText(context.source))
      : value,
  );
}

/** A number as it is to be written. */
class NumberText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

function numberText(source: string): string {
  return /[.eE]/.test(source) ? pythonFloat(Number(source)) : BigInt(source).toString();
}

function pythonNumber(value: number): string {
  return Number.isInteger(value) ? BigInt(value).toString() : pythonFloat(value);
}

/** `repr` of a float: the shortest digits, with an exponent below 1e-4 and from 1e16. */
function pythonFloat(value: number): string {
  if (!Number.isFinite(value)) return value > 0 ? 'Infinity' : '-Infinity';
  const [digits, power] = value.toExponential().split('e') as [string, string];
  const exponent = Number(power);
  if (exponent < -4 || exponent >= 16) {
    return `${digits}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
  }
  const text = Object.is(value, -0) ? '-0' : String(value);
  return text.includes('.') ? text : `${text}.0`;
}

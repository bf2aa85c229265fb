/** Rules that fields of many instructions keep, each a sentence when it is broken. */
import { NONE } from '../isa.table.ts';
import { SEQUENCES } from './state.ts';

/** Broken rules, each as "k must be a multiple of 32, not 40". */
export type Problems = string[];

export function must(name: string, value: number, holds: boolean, rule: string): Problems {
  return holds ? [] : [`${name} must ${rule}, not ${value}`];
}

/** The named fields, NONE apart, must be multiples of `unit`. */
export function multiples<F extends object>(
  f: F,
  unit: number,
  ...names: (keyof F & string)[]
): Problems {
  return names.flatMap((name) => {
    const value = f[name] as number;
    return must(name, value, value === NONE || value % unit === 0, `be a multiple of ${unit}`);
  });
}

export function words<F extends object>(f: F, ...names: (keyof F & string)[]): Problems {
  return multiples(f, 4, ...names);
}

export function atLeastOne<F extends object>(f: F, ...names: (keyof F & string)[]): Problems {
  return names.flatMap((name) => must(name, f[name] as number, f[name] !== 0, 'be at least 1'));
}

export function flag<F extends object>(f: F, ...names: (keyof F & string)[]): Problems {
  return names.flatMap((name) => {
    const value = f[name] as number;
    return must(name, value, value === 0 || value === 1, 'be 0 or 1');
  });
}

/** Rows are counted in 20 bits. */
export function counted<F extends object>(f: F, ...names: (keyof F & string)[]): Problems {
  const holds = (value: number): boolean => value < 2 ** 20;
  return names.flatMap((name) =>
    must(name, f[name] as number, holds(f[name] as number), 'be below 1048576'),
  );
}

export function sequence(f: { readonly sequence: number }): Problems {
  return must('sequence', f.sequence, f.sequence < SEQUENCES, `be below ${SEQUENCES}`);
}

/**
 * Writes a simulation as a value change dump, which waveform viewers open.
 *
 * A header declares the signals in their hierarchy, each with a short code; then come time stamps and
 * the values that changed. Format: IEEE Std 1364-2005, section 18. A cycle is 10 ns; the clock rises at
 * its start, so the values of cycle n stand from 10·n on.
 */
import type { CycleSimulator, Probe } from './simulator.ts';
import type { Ports } from './signal.ts';

const CYCLE_NS = 10;
const CLOCK = code(0);

/** Dumps every named signal of a simulator from here on, in pieces given to `write`. */
export function writeVcd(
  simulator: CycleSimulator<Ports, Ports>,
  write: (text: string) => void,
): void {
  const signals = simulator.probes.map((probe, i) => ({ probe, code: code(i + 1), last: -1n }));
  write(header(simulator.module.name, signals));
  simulator.observe((cycle) => {
    const lines = [`#${cycle * CYCLE_NS}`, `1${CLOCK}`];
    for (const signal of signals) {
      const value = signal.probe.read();
      if (value === signal.last) continue;
      lines.push(change(value, signal.probe.width, signal.code));
      signal.last = value;
    }
    lines.push(`#${cycle * CYCLE_NS + CYCLE_NS / 2}`, `0${CLOCK}`);
    write(`${lines.join('\n')}\n`);
  });
}

function header(top: string, signals: readonly { probe: Probe; code: string }[]): string {
  const lines = [
    '$timescale 1ns $end',
    `$scope module ${top} $end`,
    `$var wire 1 ${CLOCK} clock $end`,
  ];
  let scope: string[] = [];
  for (const { probe, code } of signals) {
    const path = probe.path.split('.');
    const name = path.pop();
    lines.push(...moves(scope, path), `$var wire ${probe.width} ${code} ${name} $end`);
    scope = path;
  }
  return [...lines, ...moves(scope, []), '$upscope $end', '$enddefinitions $end', ''].join('\n');
}

/** The steps from one scope of the hierarchy to another. */
function moves(from: readonly string[], to: readonly string[]): string[] {
  const fork = from.findIndex((name, i) => name !== to[i]);
  const shared = fork < 0 ? from.length : fork;
  return [
    ...from.slice(shared).map(() => '$upscope $end'),
    ...to.slice(shared).map((name) => `$scope module ${name} $end`),
  ];
}

function change(value: bigint, width: number, code: string): string {
  return width === 1 ? `${value}${code}` : `b${value.toString(2)} ${code}`;
}

/** A short name from the printable characters `!` to `~`. */
function code(index: number): string {
  const digit = String.fromCharCode(33 + (index % 94));
  return index < 94 ? digit : digit + code(Math.floor(index / 94) - 1);
}

/** The program: steps with addresses in the arena, and what the host writes and reads there. */
import { sha256Hex } from '../../base/index.ts';
import type { BufferPlan, Program } from '../../compile/index.ts';
import { countElements, resolveShape, type Dims, type Graph } from '../../ir/index.ts';
import { compiledKernels } from './kernels/kernelModule.ts';
import { PANEL_FORMAT_NAMES, type PanelFormatName } from './panels/panelFormats.table.ts';
import { alignBytes } from './kernels/vectors.ts';
import { modelFacts, type ModelFacts } from './modelFacts.ts';
import type { CpuSchedule } from './schedule.ts';
import type { Argument, ArenaBuffer, Feeds, Placed, Step, Unplaced } from './steps.ts';
import type { WeightStorage } from './weightStorage.ts';

/** A result in the arena. */
export interface Output extends Placed {
  readonly elements: number;
}

/** What the device executes. */
interface Content {
  readonly dims: Dims;
  readonly arenaBytes: number;
  /** Of each thread. */
  readonly scratchBytes: number;
  readonly feeds: Feeds<Placed>;
  readonly steps: readonly Step<Placed>[];
  readonly outputs: Readonly<Record<string, Output>>;
}

/** The program of a schedule whose buffers have the addresses of `plan`. */
export function emitProgram(schedule: CpuSchedule, plan: BufferPlan): CpuProgram {
  const { graph, dims, steps, feeds, outputs, scratchBytes, storage } = schedule;
  const place = ({ buffer, offsetBytes }: Unplaced): Placed => ({
    space: 'arena',
    addressBytes: plan.get(buffer)! + offsetBytes,
  });
  const ends = [...plan].map(([{ sizeBytes }, address]) => address + sizeBytes);
  const content: Content = {
    dims,
    arenaBytes: alignBytes(ends.reduce((a, b) => Math.max(a, b), 0)),
    scratchBytes,
    feeds: placeFeeds(feeds, place),
    steps: steps.map((step) => placeStep(step, place)),
    outputs: Object.fromEntries(
      [...outputs].map(([name, where]) => {
        const { shape } = graph.outputs.get(name)!.type;
        return [name, { ...place(where), elements: countElements(resolveShape(shape, dims)) }];
      }),
    ),
  };
  return new CpuProgram(graph, content, storage, plan as ReadonlyMap<ArenaBuffer, number>);
}

type Place = (unplaced: Unplaced) => Placed;

function placeStep(step: Step<Unplaced>, place: Place): Step<Placed> {
  const args: Record<string, Argument<Placed>> = {};
  for (const [name, argument] of Object.entries(step.args)) {
    if (typeof argument !== 'object' || argument.space !== 'arena') args[name] = argument;
    else args[name] = place(argument);
  }
  return { ...step, args };
}

function placeFeeds(feeds: Feeds<Unplaced>, place: Place): Feeds<Placed> {
  const { tokens, positions, hidden, rotary } = feeds;
  return {
    tokens: place(tokens),
    positions: place(positions),
    ...(hidden && { hidden: { ...hidden, at: place(hidden.at) } }),
    rotary: rotary.map((feed) => ({ ...feed, cos: place(feed.cos), sin: place(feed.sin) })),
  };
}

/** A program of the cpu target. */
export class CpuProgram implements Program {
  readonly target = 'cpu';
  readonly graph: Graph;
  readonly content: Content;
  /** How the weights are kept. */
  readonly storage: WeightStorage;
  readonly model: ModelFacts;
  /** Formats of panels that its weights are kept in. */
  readonly formats: readonly PanelFormatName[];
  readonly #plan: ReadonlyMap<ArenaBuffer, number>;
  #hash: string | undefined;

  constructor(
    graph: Graph,
    content: Content,
    storage: WeightStorage,
    plan: ReadonlyMap<ArenaBuffer, number>,
  ) {
    this.graph = graph;
    this.content = content;
    this.storage = storage;
    const used = new Set(storage.values());
    this.formats = PANEL_FORMAT_NAMES.filter((name) => used.has(name));
    this.#plan = plan;
    this.model = modelFacts(graph);
  }

  get dims(): Dims {
    return this.content.dims;
  }

  /** The kernels, which programs with the same formats share, and the steps. */
  get sizeBytes(): number {
    return compiledKernels(false, this.formats).sizeBytes + this.#text().length;
  }

  get hash(): string {
    this.#hash ??= sha256Hex(
      new TextEncoder().encode(compiledKernels(false, this.formats).hash + this.#text()),
    );
    return this.#hash;
  }

  listing(): string {
    const { dims, steps, feeds } = this.content;
    const { B, T, S } = dims;
    const lines = steps.map(({ kernel, round, label, args }) => {
      const list = Object.entries(args).map(([name, value]) => `${name}=${show(value)}`);
      return `${String(round).padStart(4)}  ${kernel} ${list.join(' ')}${label === '' ? '' : ` ; ${label}`}`;
    });
    return [
      `; cpu B=${B} T=${T} S=${S}, ${steps.length} steps in ${(steps.at(-1)?.round ?? -1) + 1} rounds`,
      `; the host writes tokens=${show(feeds.tokens)} positions=${show(feeds.positions)}`,
      ...(feeds.hidden ? [`; and rows hidden=${show(feeds.hidden.at)}`] : []),
      ...feeds.rotary.map(
        ({ cos, sin }) => `; and rotary tables cos=${show(cos)} sin=${show(sin)}`,
      ),
      ...lines,
      '',
    ].join('\n');
  }

  /** The buffers of the arena by address, with the first and the last round that uses each. */
  memoryMap(): string {
    const buffers = [...this.#plan].toSorted(([a, x], [b, y]) => x - y || a.first - b.first);
    const lines = buffers.map(([{ name, sizeBytes, first, last }, address]) => {
      const rounds = `${first}..${last === Infinity ? 'end' : last}`;
      return `${String(address).padStart(10)} ${String(sizeBytes).padStart(10)}  ${rounds.padEnd(9)} ${name}`;
    });
    const head = `; arena of ${this.content.arenaBytes} bytes: address, bytes, rounds, buffer`;
    return `${[head, ...lines].join('\n')}\n`;
  }

  /** What the device executes, without what is for people only. */
  #text(): string {
    const steps = this.content.steps.map((step) => ({ ...step, label: undefined }));
    return JSON.stringify({ ...this.content, steps });
  }
}

function show(argument: Argument<Placed>): string {
  if (typeof argument !== 'object') return String(argument);
  if (argument.space === 'arena') return `@${argument.addressBytes}`;
  const offset = argument.offsetBytes === 0 ? '' : `+${argument.offsetBytes}`;
  if (argument.space === 'scratch') return `scratch${offset}`;
  return `${argument.space}(${argument.name})${offset}`;
}

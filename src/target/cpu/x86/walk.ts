/**
 * The walk of threads/route.ts in machine code, which asks the host for chunks too.
 *
 * ```
 * calls    [tasks, count] of each call
 * tasks    of a call: chunks of each task, or 0: the host must run it
 * chunks   of a task: [function, block, number] of each call, then 0; `askHost` for a chunk that only the host can do
 * ```
 */
import {
  at,
  GENERAL,
  half,
  type Assembler,
  type FunctionBuilder,
  type General,
  type Label,
  type Memory,
} from '../../../x86/index.ts';
import { HOLDS } from '../threads/control.ts';
import { STOPS } from '../threads/route.ts';
import { MOST_TASKS } from '../threads/tally.ts';
import { CELL_BYTES } from './cellRoom.ts';

/**
 * Arguments: addresses of `calls` as above, of the words `next` and `done` of the calls, of the words of this thread (`own`) and
 * of those that sleep (`waiting`), of the cell `refused` that is not 0 when a function of a chunk refuses what it reads; how often to
 * look at a word; where the calls `end`; and the run's number as it stands in `next`. Changed: `call`, where to go on from, then where
 * it stopped; `chunk`, 0 or the chunk of the task at hand to go on from, then the one that was refused or asked for. Results: the `task`
 * that was taken last, and why it stopped, one of `EXITS`.
 */
export const WALK = [
  ...(['calls', 'next', 'done', 'own', 'waiting', 'refused', 'looks', 'end', 'run'] as const),
  ...(['call', 'chunk', 'task', 'stop'] as const),
];

export const ASK_HOST = 'askHost';

/** Why machine code stops: as any walk, or as a chunk of the task was refused, or is one that the host must run. */
export const EXITS = { ...STOPS, chunk: 5 } as const;

type Cells = Readonly<Record<(typeof WALK)[number], Memory>>;
type Exits = Readonly<Record<keyof typeof EXITS, Label>>;

/** Cells of a call in the table of a task: its function, its block of arguments, and the chunk that it is of. */
export const CHUNK = ['function', 'block', 'number'] as const;
export const CHUNK_BYTES = CELL_BYTES * CHUNK.length;

/** Adds `walk`, and `askHost`, which stands for what only the host can do. */
export function addWalk(assembler: Assembler): void {
  assembler.addFunction('walk', WALK, (f) => new WalkEmitter(f).emit());
  assembler.addFunction(ASK_HOST, ['refused'], (f, block) => {
    const [refused] = f.load(block.refused) as [General];
    f.emit('mov', at(refused), 1);
  });
}

class WalkEmitter {
  readonly #f: FunctionBuilder;
  /** For a few instructions; the first is what cmpxchg compares with. */
  readonly #seen: General;
  readonly #words: General;
  readonly #taken: General;
  readonly #other: General;
  /** Kept while functions of chunks run. */
  readonly #call: General;
  readonly #tasks: General;
  readonly #count: General;
  readonly #chunk: General;
  readonly #block: General;
  readonly #cells: Cells;
  readonly #exits: Exits;

  constructor(f: FunctionBuilder) {
    this.#f = f;
    // Handed out first are those that functions may change, then those that they restore.
    const changed = Array.from({ length: 8 }, () => f.general());
    [this.#seen, this.#words, this.#taken, this.#other] = changed as [
      General,
      General,
      General,
      General,
    ];
    [this.#call, this.#tasks, this.#count] = [f.general(), f.general(), f.general()];
    [this.#chunk, this.#block] = [f.general(), f.general()];
    const cells = WALK.map((name, i) => [name, at(this.#block, 8 * i)]);
    this.#cells = Object.fromEntries(cells) as Cells;
    const exits = Object.keys(EXITS).map((name) => [name, f.label(name)]);
    this.#exits = Object.fromEntries(exits) as Exits;
  }

  emit(): void {
    const f = this.#f;
    const [nextCall, take, others] = [f.label('call'), f.label('take'), f.label('others')];
    const resume = f.label('resume');
    f.emit('mov', this.#block, GENERAL.rdi).emit('mov', this.#call, this.#cells.call);
    f.place(nextCall);
    this.#openCall();
    f.emit('mov', this.#chunk, this.#cells.chunk).emit('test', this.#chunk, this.#chunk);
    f.emit('jne', resume).place(take);
    this.#take(take, others);
    f.emit('mov', this.#chunk, at(this.#tasks, 0, this.#taken, 8));
    f.emit('test', this.#chunk, this.#chunk).emit('je', this.#exits.task).place(resume);
    this.#runChunks();
    this.#countDone(take);
    f.place(others);
    this.#awaitOthers();
    f.emit('inc', this.#call).emit('cmp', this.#call, this.#cells.end).emit('jb', nextCall);
    this.#leave();
  }

  /** Tasks of the call, and that this thread may have one. */
  #openCall(): void {
    const [place, { calls }] = [this.#words, this.#cells];
    this.#f.emit('mov', place, this.#call).emit('shl', place, 4).emit('add', place, calls);
    this.#f.emit('mov', this.#tasks, at(place)).emit('mov', this.#count, at(place, 8));
    this.#setOwn(HOLDS.task);
  }

  #setOwn(value: number): void {
    const [place, word] = [this.#words, this.#other];
    this.#f.emit('mov', place, this.#cells.own).emit('mov', word, value);
    this.#f.emit('mov', at(place), half(word));
  }

  /** The word of the call in `next` or `done`. */
  #word(words: Memory): Memory {
    this.#f.emit('mov', this.#words, words);
    return at(this.#words, 0, this.#call, 4);
  }

  /** The number of a task of one's own, or on to `others` if there is none. */
  #take(again: Label, others: Label): void {
    const [f, seen, taken] = [this.#f, this.#seen, this.#taken];
    const word = this.#word(this.#cells.next);
    f.emit('mov', half(seen), word);
    this.#requireRun(taken, seen);
    f.emit('cmp', taken, this.#count).emit('jae', others);
    f.emit('mov', this.#other, seen).emit('add', half(this.#other), 1);
    f.emit('lock').emit('cmpxchg', word, half(this.#other)).emit('jne', again);
    f.emit('mov', this.#cells.task, taken);
  }

  /** `task` becomes the number in a word of `next`, if that is of this run. */
  #requireRun(task: General, word: General): void {
    const f = this.#f;
    f.emit('mov', task, word).emit('xor', half(task), this.#cells.run);
    f.emit('cmp', task, MOST_TASKS).emit('ja', this.#exits.over);
  }

  #runChunks(): void {
    const [f, chunk, cell] = [this.#f, this.#chunk, this.#seen];
    const [next, finished] = [f.label('chunk'), f.label('finished')];
    f.place(next).emit('mov', cell, at(chunk)).emit('test', cell, cell).emit('je', finished);
    f.emit('mov', GENERAL.rdi, at(chunk, 8)).emit('call', cell);
    f.emit('mov', cell, this.#cells.refused).emit('mov', cell, at(cell));
    f.emit('test', cell, cell).emit('jne', this.#exits.chunk);
    f.emit('add', chunk, CHUNK_BYTES).emit('jmp', next).place(finished);
    f.emit('mov', this.#cells.chunk, 0);
  }

  /** One task more is done; others are woken by the host when it was the last. */
  #countDone(take: Label): void {
    const [f, count] = [this.#f, this.#seen];
    const word = this.#word(this.#cells.done);
    f.emit('mov', count, 1).emit('lock').emit('xadd', word, half(count)).emit('add', count, 1);
    f.emit('cmp', count, this.#count).emit('jne', take);
    f.emit('mov', count, this.#cells.waiting).emit('mov', half(count), at(count));
    f.emit('test', count, count).emit('jne', this.#exits.wake).emit('jmp', take);
  }

  #awaitOthers(): void {
    const [f, seen, taken, looks] = [this.#f, this.#seen, this.#taken, this.#other];
    const [look, done] = [f.label('look'), f.label('done')];
    this.#setOwn(0);
    f.emit('mov', looks, this.#cells.looks).place(look);
    f.emit('mov', half(seen), this.#word(this.#cells.done));
    f.emit('mov', half(taken), this.#word(this.#cells.next));
    this.#requireRun(taken, taken);
    f.emit('cmp', seen, this.#count).emit('je', done);
    f.emit('pause').emit('dec', looks).emit('jne', look).emit('jmp', this.#exits.wait);
    f.place(done);
  }

  /** Ends, as all calls are done, and the other ways out. */
  #leave(): void {
    const [f, end] = [this.#f, this.#f.label('end')];
    for (const [name, stop] of Object.entries(EXITS)) {
      f.place(this.#exits[name as keyof Exits]);
      if (stop === STOPS.over) this.#setOwn(0);
      if (stop === EXITS.chunk) f.emit('mov', this.#cells.chunk, this.#chunk);
      f.emit('mov', this.#cells.stop, stop).emit('jmp', end);
    }
    f.place(end).emit('mov', this.#cells.call, this.#call);
  }
}

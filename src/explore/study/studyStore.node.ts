/**
 * Study store: a study as one SQLite file.
 *
 * `definition` is what was asked, `batch` each request of the search, `point` each finished evaluation,
 * known by its batch and place, so that the order of a file does not depend on who finished first. A
 * transaction for each delivery: a process that is killed loses what it had not finished, nothing else,
 * and a point is in the file once. Written by one process at a time, which SQLite's lock ensures and the
 * end of the process, any end, releases.
 */
import { existsSync } from 'node:fs';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { FormatError, sha256Hex, UsageError } from '../../base/index.ts';
import type { Point } from '../search/problem.ts';
import { differences, differencesText } from './differences.ts';
import {
  keyOf,
  pointOf,
  type StudyDefinition,
  type PointEvaluation,
  type Json,
  type StoredPoint,
} from './study.ts';

import { studyId } from './studyId.node.ts';

/** SQLite's `application_id` of a study: "Cela". */
const APPLICATION = 0x43_65_6c_61;
/** SQLite's `user_version`; raised whenever older files can no longer be read as they are. */
const SCHEMA_VERSION = 1;

const SCHEMA = `
CREATE TABLE definition (id INTEGER PRIMARY KEY CHECK (id = 1), json TEXT NOT NULL, begun TEXT NOT NULL) STRICT;
CREATE TABLE batch (number INTEGER PRIMARY KEY, points INTEGER NOT NULL, sha256 TEXT NOT NULL) STRICT;
CREATE TABLE point (
  batch INTEGER NOT NULL REFERENCES batch,
  place INTEGER NOT NULL,
  key TEXT NOT NULL UNIQUE,
  evaluation TEXT NOT NULL,
  finished TEXT NOT NULL,
  PRIMARY KEY (batch, place)
) STRICT, WITHOUT ROWID;
CREATE TABLE summary (id INTEGER PRIMARY KEY CHECK (id = 1), json TEXT NOT NULL) STRICT;
PRAGMA application_id = ${APPLICATION};
PRAGMA user_version = ${SCHEMA_VERSION};`;

/** An evaluation and its place in a batch. */
export interface Delivery extends StoredPoint {
  readonly place: number;
}

export class StudyStore {
  readonly definition: StudyDefinition;
  readonly begun: string;
  readonly #database: DatabaseSync;
  readonly #find: StatementSync;
  readonly #insert: StatementSync;
  readonly #file: string;
  readonly #writes: boolean;

  private constructor(database: DatabaseSync, file: string, writes: boolean) {
    const { json, begun } = database.prepare('SELECT json, begun FROM definition').get()!;
    this.definition = JSON.parse(`${json}`) as StudyDefinition;
    this.begun = `${begun}`;
    this.#database = database;
    this.#file = file;
    this.#writes = writes;
    this.#find = database.prepare('SELECT evaluation FROM point WHERE key = ?');
    this.#insert = database.prepare('INSERT INTO point VALUES (?, ?, ?, ?, ?)');
  }

  /**
   * The study of `file`, begun where there is none. Throws UsageError where the file holds a study of
   * another definition, with what differs, or another process writes it; FormatError where it is none.
   */
  static open(file: string, definition: StudyDefinition): StudyStore {
    const database = connect(file);
    try {
      const isNew = isEmpty(database);
      if (!isNew) requireStudy(database, file);
      database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL');
      if (isNew) begin(database, definition);
      const store = new StudyStore(database, file, true);
      requireSame(store.definition, definition, file);
      return store;
    } catch (error) {
      database.close();
      throw answerOf(error, file);
    }
  }

  /** A study that exists, to read; it may be unfinished. Throws as `open` does. */
  static read(file: string): StudyStore {
    if (!existsSync(file))
      throw new UsageError('there is no such file', { where: file, hint: 'name a study' });
    const database = connect(file);
    try {
      requireStudy(database, file);
      return new StudyStore(database, file, false);
    } catch (error) {
      database.close();
      throw answerOf(error, file);
    }
  }

  /** What a finished point came to. */
  find(point: Point): PointEvaluation | undefined {
    const row = this.#find.get(keyOf(point));
    return row && (JSON.parse(`${row['evaluation']}`) as PointEvaluation);
  }

  /**
   * Notes that the search asks for `points` as its batch `number`. Throws FormatError where it asked for
   * others the last time: the search is then not the one that began the study.
   */
  beginBatch(number: number, points: readonly Point[]): void {
    const sha256 = sha256Hex(new TextEncoder().encode(points.map(keyOf).join(';')));
    const known = this.#database.prepare('SELECT sha256 FROM batch WHERE number = ?').get(number);
    if (known === undefined)
      this.#database
        .prepare('INSERT INTO batch VALUES (?, ?, ?)')
        .run(number, points.length, sha256);
    else if (known['sha256'] !== sha256)
      throw new FormatError(`batch ${number} must have the points that the study has noted`, {
        where: this.#file,
        hint: 'the search has changed since: begin a study in another file, and compare the two',
      });
  }

  /** Keeps finished points of a batch, all or none. */
  finish(batch: number, delivered: readonly Delivery[]): void {
    const now = new Date().toISOString();
    this.#database.exec('BEGIN');
    try {
      for (const { place, point, evaluation } of delivered)
        this.#insert.run(batch, place, keyOf(point), JSON.stringify(evaluation), now);
      this.#database.exec('COMMIT');
    } catch (error) {
      this.#database.exec('ROLLBACK');
      throw answerOf(error, this.#file);
    }
  }

  /** Keeps what the search said when it ended. */
  end(summary: Json): void {
    const insert = this.#database.prepare('INSERT OR REPLACE INTO summary VALUES (1, ?)');
    insert.run(JSON.stringify(summary));
  }

  /** Undefined while the search has not ended. */
  get summary(): Json | undefined {
    const row = this.#database.prepare('SELECT json FROM summary').get();
    return row && (JSON.parse(`${row['json']}`) as Json);
  }

  get count(): number {
    return Number(this.#database.prepare('SELECT count(*) AS n FROM point').get()!['n']);
  }

  /** The finished points as the search asked for them, one at a time. */
  *points(): Generator<StoredPoint> {
    const rows = this.#database.prepare('SELECT key, evaluation FROM point ORDER BY batch, place');
    for (const { key, evaluation } of rows.iterate())
      yield {
        point: pointOf(`${key}`),
        evaluation: JSON.parse(`${evaluation}`) as PointEvaluation,
      };
  }

  get id(): string {
    return studyId(this.definition);
  }

  /** Leaves one file, that a reader needs no right to write beside. */
  close(): void {
    if (this.#writes) this.#database.exec('PRAGMA journal_mode = DELETE');
    this.#database.close();
  }
}

/** Readers and a writer exclude each other: a lock that no crash leaves behind. */
function connect(file: string): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    // A reader too may have to write: what a killed writer left in the journal.
    database = new DatabaseSync(file);
    database.exec('PRAGMA locking_mode = EXCLUSIVE');
    return database;
  } catch (error) {
    database?.close();
    throw answerOf(error, file);
  }
}

function isEmpty(database: DatabaseSync): boolean {
  return database.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get() === undefined;
}

function begin(database: DatabaseSync, definition: StudyDefinition): void {
  database.exec(`BEGIN;${SCHEMA}`);
  database
    .prepare('INSERT INTO definition VALUES (1, ?, ?)')
    .run(JSON.stringify(definition), new Date().toISOString());
  database.exec('COMMIT');
}

function requireStudy(database: DatabaseSync, file: string): void {
  const pragma = (name: string): unknown =>
    Object.values(database.prepare(`PRAGMA ${name}`).get()!)[0];
  if (pragma('application_id') !== APPLICATION)
    throw new FormatError(
      'a study must be a file that celadon explore wrote; this database is another program’s',
      {
        where: file,
        hint: 'name another file with -o',
      },
    );
  const version = pragma('user_version');
  if (version !== SCHEMA_VERSION)
    throw new FormatError(`a study must be of schema ${SCHEMA_VERSION}, not ${String(version)}`, {
      where: file,
      hint: 'read it with the Celadon that wrote it, or begin another',
    });
  const health = pragma('quick_check');
  if (health !== 'ok')
    throw new FormatError(`a study must be sound, not damaged: ${String(health).split('\n')[0]}`, {
      where: file,
      hint: 'restore the file, or begin another study',
    });
}

function requireSame(stored: StudyDefinition, given: StudyDefinition, file: string): void {
  const found = differences(stored as unknown as Json, given as unknown as Json);
  if (found.length === 0) return;
  throw new UsageError(
    `a study must be continued as it was begun; stored → given:\n${differencesText(found)}`,
    { where: file, hint: 'give what it was begun with, or name another file with -o' },
  );
}

/** SQLite's primary result codes [https://sqlite.org/rescode.html]. */
const BUSY = 5;
const CORRUPT = 11;
const FULL = 13;
const CANNOT_OPEN = 14;
const NOT_A_DATABASE = 26;

/** SQLite's errors as answers; others as they are. */
function answerOf(error: unknown, where: string): unknown {
  const code = error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : 0;
  switch (code) {
    case BUSY:
      return new UsageError('a study must be used by one process at a time; another has this one', {
        where,
        hint: 'wait until it ends',
      });
    case NOT_A_DATABASE:
    case CORRUPT:
      return new FormatError('a study must be a sound SQLite file, and this is none', {
        where,
        hint: 'name another file with -o, or restore this one',
      });
    case FULL:
      return new UsageError('the disk must have room for the study, and is full', {
        where,
        hint: 'make room, then give the same command: it continues',
      });
    case CANNOT_OPEN:
      return new UsageError('the study must be in a folder that exists and can be written', {
        where,
        hint: 'name another file with -o',
      });
    default:
      return error;
  }
}

import { AsyncLocalStorage } from "node:async_hooks";
import { createHash } from "node:crypto";
import type pg from "pg";
import { internalError } from "../core/index.ts";
import { translate } from "./errors.ts";
import { toParams } from "./values.ts";

/** A place to run statements: the pool, one connection, or the inside of a transaction. */
export type Sql = {
  /** All rows. Several statements in one text are allowed without parameters; the rows are the last one's. */
  query<T>(text: string, params?: readonly unknown[]): Promise<readonly T[]>;
  /** The only row, or undefined. @throws NEB900 when there are several. */
  maybe<T>(text: string, params?: readonly unknown[]): Promise<T | undefined>;
  /** The only row. @throws NEB900 when there is none or several. */
  one<T>(text: string, params?: readonly unknown[]): Promise<T>;
  /** Runs `body` in a transaction (a savepoint inside another); commits when it returns, rolls back when it throws. */
  tx<T>(body: (sql: Sql) => Promise<T>): Promise<T>;
};

type Run = (text: string, params: readonly unknown[]) => Promise<readonly unknown[]>;

export function toSql(run: Run, tx: Sql["tx"]): Sql {
  const query = async <T>(text: string, params: readonly unknown[] = []) => (await run(text, params)) as readonly T[];
  const maybe = async <T>(text: string, params: readonly unknown[] = []) => {
    const rows = await query<T>(text, params);
    if (rows.length > 1) throw internalError(`expected at most one row, got ${rows.length}`);
    return rows[0];
  };
  const one = async <T>(text: string, params: readonly unknown[] = []) => {
    const row = await maybe<T>(text, params);
    if (row === undefined) throw internalError("expected one row, got none");
    return row;
  };
  return { query, maybe, one, tx };
}

/** One statement on one client; the rows, and nothing untranslated. */
export async function runOn(client: pg.ClientBase | pg.Pool, text: string, params: readonly unknown[]) {
  return (await resultOf(client, text, params)).rows;
}

async function resultOf(client: pg.ClientBase | pg.Pool, text: string, params: readonly unknown[]) {
  try {
    const found: pg.QueryResult | pg.QueryResult[] = await (params.length === 0
      ? client.query(text)
      : client.query({ text, values: toParams(params), ...nameOf(text) }));
    const result = Array.isArray(found) ? found.at(-1) : found;
    return { rows: (result?.rows ?? []) as readonly unknown[], command: result?.command ?? "" };
  } catch (thrown) {
    throw translate(thrown);
  }
}

/** Texts that are written in the code are few; whoever builds texts without end gets them unprepared from some number on. */
const mostPrepared = 500;
const prepared = new Map<string, { readonly name: string }>();

/** A statement with parameters is parsed once a connection, and planned again only as long as that pays (plan_cache_mode). */
function nameOf(text: string): { readonly name?: string } {
  const known = prepared.get(text);
  if (known !== undefined) return known;
  if (prepared.size >= mostPrepared) return {};
  const made = { name: createHash("sha256").update(text).digest("base64url").slice(0, 22) };
  prepared.set(text, made);
  return made;
}

/** Which transactions the running code is inside of, outermost first: turns a certain deadlock into an error. */
const inside = new AsyncLocalStorage<readonly Lane[]>();

/**
 * The statements of one connection, one after the other. A nested transaction takes its parent's lane for as long as it
 * lasts, so parallel branches of a body cannot mix their savepoints.
 */
class Lane {
  #last: Promise<unknown> = Promise.resolve();
  #busyWith: Lane | undefined;
  #closed = false;

  take<T>(body: () => Promise<T>, child?: Lane): Promise<T> {
    if (this.#closed) throw internalError("the transaction has ended; its `sql` must not be used any more");
    if (this.#busyWith !== undefined && inside.getStore()?.includes(this.#busyWith))
      throw internalError("inside a nested transaction use the `sql` that it was given");
    const next = this.#last.then(() => {
      this.#busyWith = child;
      return body();
    });
    this.#last = next.then(
      () => {
        this.#busyWith = undefined;
      },
      () => {
        this.#busyWith = undefined;
      },
    );
    return next;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#last;
  }
}

/** What opens, ends and undoes one level. */
const levelOf = (depth: number) =>
  depth === 0
    ? { open: "begin", commit: "commit", undo: "rollback" }
    : {
        open: `savepoint s${depth}`,
        commit: `release savepoint s${depth}`,
        undo: `rollback to savepoint s${depth}; release savepoint s${depth}`,
      };

/** A connection's `Sql`: statements in order, `tx` opens a transaction on it. */
export function sqlOn(client: pg.ClientBase): Sql {
  const lane = new Lane();
  return toSql(
    async (text, params) => lane.take(() => runOn(client, text, params)),
    async (body) => {
      const child = new Lane();
      return lane.take(() => runLevel(client, 0, child, body), child);
    },
  );
}

export const runTransaction = <T>(client: pg.ClientBase, body: (sql: Sql) => Promise<T>): Promise<T> =>
  runLevel(client, 0, new Lane(), body);

async function runLevel<T>(client: pg.ClientBase, depth: number, lane: Lane, body: (sql: Sql) => Promise<T>) {
  const level = levelOf(depth);
  const sql = toSql(
    async (text, params) => lane.take(() => runOn(client, text, params)),
    async (inner) => {
      const child = new Lane();
      return lane.take(() => runLevel(client, depth + 1, child, inner), child);
    },
  );
  await runOn(client, level.open, []);
  try {
    const value = await inside.run([...(inside.getStore() ?? []), lane], () => body(sql));
    await lane.close();
    await commit(client, level.commit);
    return value;
  } catch (thrown) {
    await lane.close();
    await runOn(client, level.undo, []).catch(() => undefined); // a lost connection has rolled back by itself
    throw thrown;
  }
}

/** Postgres answers ROLLBACK to the COMMIT of a transaction in which a statement failed (invariant 4). */
async function commit(client: pg.ClientBase, text: string): Promise<void> {
  const { command } = await resultOf(client, text, []);
  if (command === "ROLLBACK")
    throw internalError("the transaction was rolled back: a statement in it had failed and nobody said so");
}

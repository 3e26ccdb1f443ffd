/**
 * One request, one transaction.
 *
 * 1. Role, claims, search path, time-out and read-only are local to the transaction (`set_config(..., true)`), set before the statement and
 *    gone with it; they are one prepared statement.
 * 2. What needs no decision of ours after the statement is one script: one round trip, committed by Postgres at its end. What may be
 *    undone (one row wanted, `max-affected`, `tx=rollback`) begins a transaction and ends it after a look at the answer.
 * 3. Before each request the session forgets what the one before may have left outside its transaction: settings, advisory locks; after a
 *    function that may change anything also temporary tables, sequence values and cursors.
 */
import type { ScriptEnd, ServerError, Step, StepResult } from "../../../platform/sql/index.ts";
import type { RestConnection } from "../types.ts";

export type Settings = {
  readonly role: string;
  readonly claims: string;
  readonly method: string;
  readonly path: string;
  readonly headers: string;
  readonly cookies: string;
  readonly schema: string;
  readonly statementMs: number;
  readonly isReadOnly: boolean;
  readonly timezone?: string;
};

export type Work = {
  readonly settings: Settings;
  readonly steps: readonly Step[];
  /** May change anything: a function that is not stable. */
  readonly isCall: boolean;
  /** Present when the transaction's end depends on the answer. */
  readonly decide?: (results: readonly StepResult[]) => "commit" | "rollback";
};

export type Ended =
  | { readonly kind: "done"; readonly results: readonly StepResult[] }
  | { readonly kind: "refused"; readonly error: ServerError };

const forget: Step = { name: "nebula_forget", text: "reset all" };
const prepare: Step = {
  name: "nebula_prepare",
  text:
    "select pg_catalog.set_config('search_path', $1, true), pg_catalog.set_config('statement_timeout', $2, true), " +
    "pg_catalog.set_config('transaction_read_only', coalesce($3, pg_catalog.current_setting('transaction_read_only')), true), pg_catalog.set_config('request.method', $4, true), " +
    "pg_catalog.set_config('request.path', $5, true), pg_catalog.set_config('request.headers', $6, true), " +
    "pg_catalog.set_config('request.jwt.claims', $7, true), pg_catalog.set_config('request.cookies', $9, true), pg_catalog.pg_advisory_unlock_all(), " +
    "pg_catalog.set_config('role', $8, true)",
};
const setTimezone = "select pg_catalog.set_config('timezone', $1, true)";

/** Sessions that ran a function since they were last cleaned: a cleaning that was undone with its transaction is none. */
const marked = new WeakSet<RestConnection>();

export async function runWork(connection: RestConnection, work: Work): Promise<Ended> {
  const isMarked = marked.has(connection);
  if (work.isCall) marked.add(connection);
  const end = await runSteps(connection, work, isMarked);
  if (end.kind === "done" && end.isCommitted && !work.isCall) marked.delete(connection);
  return end.kind === "refused" ? end : { kind: "done", results: end.results };
}

type Run =
  | { readonly kind: "done"; readonly results: readonly StepResult[]; readonly isCommitted: boolean }
  | Extract<Ended, { kind: "refused" }>;

async function runSteps(connection: RestConnection, work: Work, isMarked: boolean): Promise<Run> {
  const { decide } = work;
  const before = [
    ...(isMarked ? [{ text: "close all" }, { text: "discard temp" }, { text: "discard sequences" }] : []),
    forget,
  ];
  const settings = settingSteps(work.settings);
  const lead = [...before, ...settings];
  if (decide === undefined) return taking(await connection.run([...lead, ...work.steps]), lead.length);
  const end = await connection.run([{ text: "begin" }, ...lead, ...work.steps]);
  if (end.kind === "refused") {
    await connection.run([{ text: "rollback" }]);
    return end;
  }
  const results = end.results.slice(lead.length + 1);
  const verdict = decide(results);
  const taken: Run = { kind: "done", results, isCommitted: verdict === "commit" };
  const closed = await connection.run([{ text: verdict }]);
  return closed.kind === "refused" ? closed : taken; // a deferred constraint speaks at the commit
}

function taking(end: ScriptEnd, from: number): Run {
  return end.kind === "refused" ? end : { kind: "done", results: end.results.slice(from), isCommitted: true };
}

function settingSteps(settings: Settings): Step[] {
  const { schema, statementMs, isReadOnly, method, path, headers, cookies, claims, role, timezone } = settings;
  const values = [schema, `${statementMs}`, isReadOnly ? "on" : null, method, path, headers, claims, role, cookies];
  const own = timezone === undefined ? [] : [{ text: setTimezone, values: [timezone] }];
  return [...own, { ...prepare, values }];
}

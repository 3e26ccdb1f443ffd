/** The statements of a request on its connection, in their transaction, until the first that fails. */
import { type Outline, offsetOfPosition, placeOf } from "../../platform/grammar/index.ts";
import type { StatementEnd, StatementError, StatementSession } from "../../platform/sql/index.ts";
import { sqlConnectionLost } from "./errors.ts";
import type { Plan } from "./plan.ts";
import { columnsOf } from "./type-names.ts";
import type { SqlAnswer, SqlProblem, SqlRequest, SqlResult } from "./types.ts";

export type Ran = Pick<SqlAnswer, "transaction" | "results" | "problem"> & {
  /** A portal holds the rows after these, in a transaction that is open. */
  readonly isKept: boolean;
};

export const keptPortal = "nebula_page";

const begin: Readonly<Record<Plan["transaction"], string | null>> = {
  read: "begin read only",
  all: "begin",
  undo: "begin",
  each: null,
};

export async function runStatements(session: StatementSession, request: SqlRequest, plan: Plan): Promise<Ran> {
  const opening = begin[plan.transaction];
  if (opening !== null) await ours(session, opening);
  // The first query fixes what kind of transaction it is: from here on the server refuses `set transaction read write`.
  if (plan.transaction === "read") await ours(session, "select 1");
  const results: SqlResult[] = [];
  let bytesLeft = request.maxBytes;
  for (const [index, statement] of plan.statements.entries()) {
    const beganMs = performance.now();
    const end = await runOne(session, request, statement, bytesLeft);
    if (end.kind === "refused") {
      await rollBack(session);
      const transaction = plan.transaction === "each" ? "each" : "rolled-back";
      return { transaction, results, problem: problemOf(request, statement, index, end.error), isKept: false };
    }
    bytesLeft = Math.max(0, bytesLeft - end.bytes);
    const result = await resultOf(session, request, statement, end);
    results.push({ statement: index, ...result, durationMs: performance.now() - beganMs });
    const isKept = request.cursor && end.command === null;
    if (isKept) return { transaction: "open", results, problem: null, isKept };
  }
  return { ...(await finish(session, request, plan)), results, isKept: false };
}

/** A deferred constraint speaks only now. */
async function finish(session: StatementSession, request: SqlRequest, { transaction, statements }: Plan) {
  if (transaction === "each") {
    const wasOpen = session.transaction() !== "idle";
    if (wasOpen) await rollBack(session); // somebody's own `begin` without an end
    return { transaction: wasOpen ? ("rolled-back" as const) : transaction, problem: null };
  }
  if (transaction !== "all") {
    await rollBack(session);
    return { transaction: transaction === "read" ? ("read-only" as const) : ("rolled-back" as const), problem: null };
  }
  const end = await session.run({ text: "commit", maxRows: 0, maxBytes: 0 });
  if (end.kind === "done" && end.command === "COMMIT") return { transaction: "committed" as const, problem: null };
  const last = statements.at(-1);
  if (end.kind === "done" || last === undefined)
    throw sqlConnectionLost("the transaction had ended before it was committed");
  const problem = {
    ...problemOf(request, last, statements.length - 1, end.error),
    line: null,
    column: null,
    offset: null,
  };
  return { transaction: "rolled-back" as const, problem };
}

const explaining = {
  none: "",
  plan: "explain (format json, verbose, settings) ",
  analyze: "explain (format json, verbose, settings, analyze, buffers) ",
} as const;

function runOne(
  session: StatementSession,
  request: SqlRequest,
  statement: Outline,
  maxBytes: number,
): Promise<StatementEnd> {
  const isPlan = request.explain !== "none";
  return session.run({
    text: explaining[request.explain] + statement.text,
    values: request.parameters.slice(0, statement.parameters),
    maxRows: isPlan ? 1 : request.maxRows,
    maxBytes: isPlan ? 16_000_000 : maxBytes,
    ...(request.cursor ? { keepAs: keptPortal } : {}),
  });
}

type Done = Extract<StatementEnd, { kind: "done" }>;

export async function resultOf(
  session: StatementSession,
  request: Pick<SqlRequest, "explain" | "maxRows" | "cursor">,
  { kind }: Pick<Outline, "kind">,
  { fields, rows, command }: Done,
): Promise<Omit<SqlResult, "statement" | "durationMs">> {
  if (request.explain !== "none") {
    const [[text] = []] = rows;
    return { ...bare, kind, command: "EXPLAIN", plan: JSON.parse(text ?? "null") };
  }
  const words = command === null ? "SELECT" : command.replace(/( \d+)+$/, "");
  const count = command === null ? undefined : / (\d+)$/.exec(command)?.[1];
  // one row more than was asked for came along, to tell that there are more
  const shown = rows.length > request.maxRows ? rows.slice(0, request.maxRows) : rows;
  return {
    ...{ kind, command: words, plan: null, rows: shown },
    // of a select the server counts the last portion only
    rowCount: count === undefined ? null : words === "SELECT" && fields !== null ? shown.length : Number(count),
    columns: fields === null ? [] : await columnsOf(session, fields),
    truncated: !request.cursor && (command === null || shown.length < rows.length),
  };
}

const bare = { rowCount: null, columns: [], rows: [], truncated: false } as const;

/** The server counts from where the statement that it got begins; a reader looks at the text that he sent. */
function problemOf({ sql, explain }: SqlRequest, statement: Outline, index: number, error: StatementError): SqlProblem {
  const { code: sqlstate, column: columnName, position, ...rest } = error;
  const own = position === null ? null : position - explaining[explain].length;
  const offset = own === null || own < 1 ? null : statement.start + offsetOfPosition(statement.text, own);
  const { line = null, column = null } = offset === null ? {} : placeOf(sql, offset);
  return { ...rest, statement: index, sqlstate, columnName, line, column, offset };
}

async function ours(session: StatementSession, text: string): Promise<void> {
  const end = await session.run({ text, maxRows: 1, maxBytes: 1000 });
  if (end.kind === "refused") throw sqlConnectionLost(`${text}: ${end.error.message}`);
}

export async function rollBack(session: StatementSession): Promise<void> {
  const status = session.transaction();
  if (status === "open" || status === "failed") await session.run({ text: "rollback", maxRows: 0, maxBytes: 0 });
}

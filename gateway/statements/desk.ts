import { asNebulaError } from "../../platform/core/index.ts";
import type { Parser } from "../../platform/grammar/index.ts";
import { isUnavailable, type StatementNotice } from "../../platform/sql/index.ts";
import type { Connect, Connected } from "./connect.ts";
import { type CursorLimits, makeCursors } from "./cursors.ts";
import { sqlBadRequest, sqlConnectionLost, sqlNeedsWrite, sqlNotRead } from "./errors.ts";
import { planOf } from "./plan.ts";
import { keptPortal, type Ran, resultOf, rollBack, runStatements } from "./run.ts";
import type { SqlAnswer, SqlCaller, SqlRequest, SqlResult, SqlStatus } from "./types.ts";
import { makeWatch, type Running, type WatchLimits } from "./watch.ts";

export type SqlPage = Pick<SqlAnswer, "cursor" | "status"> & Pick<SqlResult, "columns" | "rows">;

export type SqlDesk = {
  /** `gone`: nobody waits for the answer any more; it counts as a cancel. */
  run(caller: SqlCaller, request: SqlRequest, gone?: AbortSignal): Promise<SqlAnswer>;
  page(caller: SqlCaller, cursor: string, gone?: AbortSignal): Promise<SqlPage>;
  endCursor(caller: SqlCaller, cursor: string): Promise<void>;
  /** Whether something of that name ran. */
  cancel(caller: SqlCaller, request: string): boolean;
  close(): Promise<void>;
};

export type SqlDeskOptions = {
  readonly connect: Connect;
  readonly parser: Parser;
  readonly limits?: Partial<WatchLimits>;
  readonly cursors?: Partial<CursorLimits>;
};

const usual = { ofUser: 4, ofDatabase: 6 };
const usualCursors = { ofUser: 3, ofDatabase: 6, idleMs: 60_000, ageMs: 600_000 };

export function makeSqlDesk({ connect, parser, ...limits }: SqlDeskOptions): SqlDesk {
  const watch = makeWatch({ ...usual, ...limits.limits });
  const cursors = makeCursors({ ...usualCursors, ...limits.cursors });

  const run: SqlDesk["run"] = async (caller, request, gone) => {
    if (request.mode === "write" && caller.level !== "write")
      throw sqlNeedsWrite(`writing in ${caller.database} is not this caller's right`);
    const parsed = await parser.parse(request.sql);
    if (parsed.kind === "syntax") {
      const { message, line, column, offset } = parsed;
      throw sqlNotRead(`line ${line}, column ${column}: ${message}`, { fields: { line, column, offset } });
    }
    const plan = planOf(request, parsed.statements);
    if (request.cursor) cursors.reserve(caller);
    const running = watch.enter(caller, request.request, request.timeoutMs);
    const forget = onceGone(gone, running);
    const notices = keepNotices();
    const beganMs = performance.now();
    let connected: Connected | undefined;
    let isKept = false;
    try {
      connected = await connect(caller, request.mode, request, notices.take);
      running.holds(connected);
      const ran = await runStatements(connected.session, request, plan).catch((thrown) => lostOr(thrown, running));
      isKept = ran.isKept && running.stopped() === undefined;
      return {
        ...{ request: request.request, status: statusOf(ran, running), transaction: ran.transaction },
        ...{ results: ran.results, problem: ran.problem, ...notices.kept() },
        cursor: isKept ? cursors.open({ caller, connected, request }) : null,
        ...{ statements: plan.statements.length, durationMs: performance.now() - beganMs, wokeMs: connected.wokeMs },
      };
    } finally {
      forget();
      running.leave();
      if (!isKept) await connected?.close();
    }
  };

  const page: SqlDesk["page"] = (caller, name, gone) =>
    cursors.read<SqlPage>(caller, name, async ({ connected: { session, kill }, request }) => {
      const running = watch.enter(caller, `page ${name}`, request.timeoutMs);
      const forget = onceGone(gone, running);
      try {
        running.holds({ session, kill });
        const end = await session.more(keptPortal, request).catch((thrown) => {
          throw lost(thrown);
        });
        const status = running.stopped();
        if (end.kind === "refused") {
          if (status === undefined) throw sqlBadRequest(`the cursor has failed: ${end.error.message}`);
          return { answer: { status, cursor: null, columns: [], rows: [] }, goesOn: false };
        }
        const { columns, rows } = await resultOf(session, request, { kind: "read" }, end);
        const goesOn = end.command === null;
        if (!goesOn) await rollBack(session);
        return { answer: { status: "done", cursor: goesOn ? name : null, columns, rows }, goesOn };
      } finally {
        forget();
        running.leave();
      }
    });

  return {
    run,
    page,
    endCursor: async (caller, name) => void (await cursors.end(caller, name)),
    cancel: (caller, request) => watch.cancel(caller, request),
    async close() {
      watch.stopAll();
      await cursors.close();
    },
  };
}

function onceGone(gone: AbortSignal | undefined, running: Running): () => void {
  const stop = () => running.stop("cancelled");
  if (gone?.aborted) stop();
  gone?.addEventListener("abort", stop, { once: true });
  return () => gone?.removeEventListener("abort", stop);
}

const cancelled = "57014";

function statusOf({ problem }: Ran, running: Running): SqlStatus {
  if (problem === null) return "done"; // it was done before the cancel came
  if (problem.sqlstate !== cancelled) return running.stopped() ?? "failed";
  return running.stopped() ?? "timed-out";
}

/** A connection that we dropped ourselves is the end of what was stopped; any other loss is a fault. */
function lostOr(thrown: unknown, running: Running): Ran {
  const why = running.stopped();
  if (why === undefined) throw lost(thrown);
  const message =
    why === "cancelled" ? "cancelled; the server's process was ended" : "took too long; the server's process was ended";
  const nowhere = { line: null, column: null, offset: null, where: null, internalQuery: null };
  const nothing = {
    schema: null,
    table: null,
    columnName: null,
    dataType: null,
    constraint: null,
    detail: null,
    hint: null,
  };
  const problem = { statement: 0, sqlstate: cancelled, severity: "FATAL", message, ...nowhere, ...nothing };
  return { transaction: "rolled-back", results: [], problem, isKept: false };
}

const lost = (thrown: unknown) =>
  isUnavailable(thrown) || asNebulaError(thrown).code === "NEB900"
    ? sqlConnectionLost(asNebulaError(thrown).message, { cause: thrown })
    : thrown;

/** The first hundred, and no more than a little of each: a loop that raises a million is not kept. */
function keepNotices() {
  const notices: StatementNotice[] = [];
  let noticesLost = 0;
  const short = (text: string | null) => (text === null ? null : text.slice(0, 2000));
  return {
    take(notice: StatementNotice) {
      if (notices.length >= 100) noticesLost += 1;
      else
        notices.push({
          ...{ severity: notice.severity, code: notice.code, message: notice.message.slice(0, 2000) },
          ...{ detail: short(notice.detail), hint: short(notice.hint) },
        });
    },
    kept: () => ({ notices, noticesLost }),
  };
}

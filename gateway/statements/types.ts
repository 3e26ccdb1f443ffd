import type { DatabaseId } from "../../platform/spec/index.ts";
import type { StatementNotice } from "../../platform/sql/index.ts";

/** Who asks, as the portal says it. */
export type SqlCaller = {
  readonly database: DatabaseId;
  /** Never changes; what somebody began only he goes on with. */
  readonly user: string;
  readonly level: "read" | "write";
};

export type SqlRequest = {
  /** Chosen by who asks, to cancel it by. */
  readonly request: string;
  readonly sql: string;
  /** For $1, $2, ... of every statement. */
  readonly parameters: readonly (string | null)[];
  readonly mode: "read" | "write";
  /** `all`: one transaction, everything or nothing. `each`: every statement its own. `auto`: see `planOf`. */
  readonly transaction: "auto" | "all" | "each";
  readonly explain: "none" | "plan" | "analyze";
  /** Rows of a statement; with `cursor`, of a page. */
  readonly maxRows: number;
  /** Of all rows of the answer together. */
  readonly maxBytes: number;
  readonly timeoutMs: number;
  readonly cursor: boolean;
  readonly timeZone: string | null;
};

export type Column = { readonly name: string; readonly type: string; readonly oid: number };

/** One statement that was done. */
export type SqlResult = {
  /** Counts from 0. */
  readonly statement: number;
  readonly kind: string;
  /** SELECT, INSERT, CREATE TABLE, ... */
  readonly command: string;
  /** Rows that it changed or answered; null where Postgres does not say. */
  readonly rowCount: number | null;
  readonly columns: readonly Column[];
  /** The server's own text of each value: nothing is rounded. */
  readonly rows: readonly (readonly (string | null)[])[];
  /** There were more rows than the limits let through. */
  readonly truncated: boolean;
  /** Of `explain`: Postgres's own JSON. */
  readonly plan: unknown;
  readonly durationMs: number;
};

/** Why a statement was not done, in the server's words, with the place in the text that was sent. */
export type SqlProblem = {
  readonly statement: number;
  readonly sqlstate: string;
  readonly severity: string;
  readonly message: string;
  readonly detail: string | null;
  readonly hint: string | null;
  readonly line: number | null;
  readonly column: number | null;
  readonly offset: number | null;
  readonly where: string | null;
  readonly internalQuery: string | null;
  readonly schema: string | null;
  readonly table: string | null;
  readonly columnName: string | null;
  readonly dataType: string | null;
  readonly constraint: string | null;
};

export type SqlStatus = "done" | "failed" | "cancelled" | "timed-out";

export type SqlAnswer = {
  readonly request: string;
  readonly status: SqlStatus;
  /** What became of it all: `each` statement was committed by itself. */
  readonly transaction: "committed" | "rolled-back" | "read-only" | "each" | "open";
  readonly results: readonly SqlResult[];
  readonly problem: SqlProblem | null;
  readonly notices: readonly StatementNotice[];
  /** Beyond the hundred that are kept. */
  readonly noticesLost: number;
  /** For the next page. */
  readonly cursor: string | null;
  readonly statements: number;
  readonly durationMs: number;
  /** How long its database took to wake; null: it was awake. */
  readonly wokeMs: number | null;
};

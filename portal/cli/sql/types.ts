import type { Client } from "../client.ts";

/** What of the API's answers these commands read. */
export type Column = { readonly name: string; readonly type: string };
export type Row = readonly (string | null)[];
export type SqlResult = {
  readonly command: string;
  readonly rowCount: number | null;
  readonly columns: readonly Column[];
  readonly rows: readonly Row[];
  readonly truncated: boolean;
  readonly plan: unknown;
};
export type SqlProblem = {
  readonly sqlstate: string;
  readonly severity: string;
  readonly message: string;
  readonly detail: string | null;
  readonly hint: string | null;
  readonly line: number | null;
  readonly column: number | null;
  readonly where: string | null;
};
export type SqlAnswer = {
  readonly status: "done" | "failed" | "cancelled" | "timed-out";
  readonly transaction: string;
  readonly results: readonly SqlResult[];
  readonly problem: SqlProblem | null;
  readonly notices: readonly { readonly severity: string; readonly message: string; readonly hint: string | null }[];
  readonly noticesLost: number;
  readonly cursor: string | null;
  readonly durationMs: number;
  readonly wokeMs: number | null;
};
export type SqlPage = { readonly cursor: string | null; readonly rows: readonly Row[] };

export type SqlOptions = {
  readonly mode: "read" | "write";
  readonly transaction: "auto" | "all" | "each";
  readonly explain: "none" | "plan" | "analyze";
  readonly parameters: readonly (string | null)[];
  readonly maxRows: number;
  readonly timeoutMs: number;
  readonly timeZone: string | null;
  readonly remember: boolean;
};

/** One database, asked through the portal. */
export type SqlTarget = {
  readonly client: Client;
  /** `/api/v1/domain/.../databases/...` */
  readonly path: string;
  readonly name: string;
};

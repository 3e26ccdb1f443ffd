/** What crosses the data API's door. */
import type { Session } from "../../platform/sql/index.ts";

export type RestRequest = {
  readonly method: string;
  /** Below `/rest/v1`, percent-encoded as it came; decoded once, here. */
  readonly path: string;
  /** Raw, without the question mark. */
  readonly query: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
};

export type RestResponse = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly facts: RestFacts;
};

/** What the caller's limits, cache and meter need to know. */
export type RestFacts = {
  /** `schema.name` of the table, view or function. */
  readonly relation?: string;
  /** `schema.table` of what may have changed; `*` where a function may have changed anything. */
  readonly wrote: readonly string[];
  readonly rows: number;
};

/** Who asks, as the caller has proved it. */
export type RestSession = {
  readonly role: string;
  readonly claims: Readonly<Record<string, unknown>>;
  /** Nobody signed in: a refusal is then 401 and not 403. */
  readonly isAnonymous?: boolean;
};

/** What a declaration decides about one relation. */
export type RelationFacts = {
  readonly schema: string;
  readonly name: string;
  readonly kind: "table" | "view" | "materialized" | "foreign";
  /** Row-level security is on; of a view: it is one of its invoker (`security_invoker`). */
  readonly isGuarded: boolean;
};

export type RestSettings = {
  /** The first is the default one. */
  readonly schemas: readonly string[];
  /** Rows of a read, at every level of embedding. */
  readonly maxRows: number | null;
  readonly statementMs: number;
  /** Bytes of an answer's body. */
  readonly maxBytes: number;
  /** `Prefer: tx=rollback` is obeyed. */
  readonly allowTxEnd: boolean;
  readonly aggregates: boolean;
  /** `Accept: application/vnd.pgrst.plan` is answered. */
  readonly plans?: boolean;
  readonly exposed: (relation: RelationFacts) => boolean;
};

/** One connection, logged in as the instance's role for the data API; whoever has it has it alone. */
export type RestConnection = Pick<Session, "run">;

export type Lend = <T>(body: (connection: RestConnection) => Promise<T>) => Promise<T>;

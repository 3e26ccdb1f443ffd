/**
 * What is to be done with the statements of a request, or why not. Pure.
 *
 * 1. This is not what keeps a reader from writing: that is the role and the transaction at the server. It says early, with the place, what
 *    the server would refuse late, and refuses what makes no sense over HTTP.
 */
import { type Outline, placeOf } from "../../platform/grammar/index.ts";
import { sqlBadRequest, sqlNeedsWrite, sqlNotHere } from "./errors.ts";
import type { SqlRequest } from "./types.ts";

export type Plan = {
  /** `read`: one read-only transaction. `all`: one transaction. `each`: every statement for itself. `undo`: one that is rolled back. */
  readonly transaction: "read" | "all" | "each" | "undo";
  readonly statements: readonly Outline[];
};

export const mostStatements = 500;

/** @throws NEB781, NEB782, NEB783 with line and column. */
export function planOf(request: SqlRequest, statements: readonly Outline[]): Plan {
  const { sql, mode, explain, cursor, parameters } = request;
  if (statements.length === 0) throw sqlBadRequest("there is no statement in the text");
  if (statements.length > mostStatements)
    throw sqlBadRequest(`the text has ${statements.length} statements; at most ${mostStatements} are run at once`);
  const wanted = Math.max(...statements.map((one) => one.parameters));
  if (wanted !== parameters.length)
    throw sqlBadRequest(`the statements name ${wanted} parameters, and ${parameters.length} values came`);
  const [first] = statements;
  if ((explain !== "none" || cursor) && statements.length > 1)
    throw sqlBadRequest(
      `${cursor ? "a cursor" : "explain"} takes one statement, and the text has ${statements.length}`,
    );
  if (cursor && (explain !== "none" || first?.node !== "SelectStmt" || first.kind !== "read"))
    throw sqlBadRequest("only a statement that selects has a cursor");
  const explained = explain === "plan"; // what is only explained is not run
  statements.forEach((statement, index) => {
    const at = { statement: index, ...placeOf(sql, statement.start), offset: statement.start };
    const no = notHere(statement) ?? (explained ? undefined : notRead(statement, mode));
    if (no !== undefined) throw no.fault(`line ${at.line}, column ${at.column}: ${no.why}`, { fields: at });
  });
  return { statements, transaction: transactionOf(request, statements) };
}

type No = { readonly fault: typeof sqlNotHere; readonly why: string };

/** By the name of its node, why it cannot be meant over HTTP. */
const nowhere: Readonly<Record<string, string>> = {
  CopyStmt: "COPY moves files or a stream; take nebula sql --csv, or psql's \\copy",
  ListenStmt: "LISTEN waits for what nobody would hear: a request's session ends with it",
  UnlistenStmt: "UNLISTEN: a request's session listens to nothing",
  LoadStmt: "LOAD loads a library into the server",
};

const notHere = ({ node }: Outline): No | undefined => {
  const why = nowhere[node];
  return why === undefined ? undefined : { fault: sqlNotHere, why };
};

function notRead({ node, kind }: Outline, mode: SqlRequest["mode"]): No | undefined {
  if (mode === "write") return undefined;
  const own = kind === "transaction" ? "a request that reads is one transaction already" : undefined;
  if (own !== undefined) return { fault: sqlNeedsWrite, why: own };
  if (kind === "read" || (kind === "session" && node !== "NotifyStmt")) return undefined;
  return { fault: sqlNeedsWrite, why: `${words(node)} changes something or runs code that may` };
}

/** DeleteStmt: "delete". */
const words = (node: string) =>
  node
    .replace(/Stmt$/, "")
    .replaceAll(/(?<=[a-z])(?=[A-Z])/g, " ")
    .toLowerCase();

/**
 * `auto`: one statement stands alone, as in psql, so that `vacuum` and `create index concurrently` run; a text that begins and commits by
 * itself, or holds what no transaction may, runs statement by statement; everything else is one transaction.
 */
function transactionOf(
  { mode, explain, transaction, sql }: SqlRequest,
  statements: readonly Outline[],
): Plan["transaction"] {
  if (mode === "read") return "read";
  if (explain !== "none") return "undo";
  const own = statements.find(({ kind }) => kind === "transaction");
  if (transaction === "all" && own !== undefined) {
    const { line, column } = placeOf(sql, own.start);
    throw sqlBadRequest(`line ${line}, column ${column}: ${words(own.node)} inside a request that is one transaction`);
  }
  if (transaction !== "auto") return transaction;
  const apart =
    statements.length === 1 || statements.some(({ kind }) => kind === "transaction" || kind === "maintenance");
  return apart ? "each" : "all";
}

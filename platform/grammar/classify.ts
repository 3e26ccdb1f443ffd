/** What kind of statement a parse tree is. */
import type { Node } from "libpg-query";

/**
 * `read`: select, values, show, explain. `write`: changes rows, locks them, or runs code (call, do). `ddl`: changes what there is.
 * `transaction`: begin, commit, savepoint. `session`: what only has a meaning for those who stay on one connection. `maintenance`: vacuum,
 * reindex, cluster, checkpoint, refused inside a transaction.
 */
export type StatementKind = "read" | "write" | "ddl" | "transaction" | "session" | "maintenance";

export type Statement = {
  /** Without the semicolon and what stands before and after it. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
  readonly kind: StatementKind;
  /** The name of its node: SelectStmt, CopyStmt, ... */
  readonly node: string;
  /** The highest $n that it names and that is not its own, as in the body of a function. */
  readonly parameters: number;
  /** Locations inside it are bytes from the beginning of the whole text. */
  readonly tree: Node;
};

const kinds: Readonly<Record<string, StatementKind>> = {
  VariableShowStmt: "read",
  InsertStmt: "write",
  UpdateStmt: "write",
  DeleteStmt: "write",
  MergeStmt: "write",
  TruncateStmt: "write",
  CallStmt: "write",
  DoStmt: "write",
  LockStmt: "write",
  RefreshMatViewStmt: "write",
  TransactionStmt: "transaction",
  VariableSetStmt: "session",
  DiscardStmt: "session",
  PrepareStmt: "session",
  ExecuteStmt: "session",
  DeallocateStmt: "session",
  DeclareCursorStmt: "session",
  FetchStmt: "session",
  ClosePortalStmt: "session",
  ListenStmt: "session",
  UnlistenStmt: "session",
  NotifyStmt: "session",
  LoadStmt: "session",
  ConstraintsSetStmt: "session",
  VacuumStmt: "maintenance",
  ReindexStmt: "maintenance",
  ClusterStmt: "maintenance",
  CheckPointStmt: "maintenance",
};

const rowChanges = ["InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt", "lockingClause"];
const changesRows = (keys: ReadonlySet<string>) => rowChanges.some((name) => keys.has(name));

/** Their $n are not the request's. */
const ownParameters = new Set(["PrepareStmt", "CreateFunctionStmt"]);

export function classify(tree: Node): { node: string; kind: StatementKind; parameters: number } {
  const [node = "", body] = Object.entries(tree)[0] ?? [];
  const { keys, parameters } = survey(tree);
  return {
    node,
    parameters: ownParameters.has(node) ? 0 : parameters,
    kind: kindOf(node, body as Record<string, unknown>, keys),
  };
}

function kindOf(node: string, body: Readonly<Record<string, unknown>>, keys: ReadonlySet<string>): StatementKind {
  if (node === "SelectStmt") {
    if (keys.has("intoClause")) return "ddl";
    return changesRows(keys) ? "write" : "read";
  }
  if (node === "CopyStmt") return body.is_from === true || changesRows(keys) ? "write" : "read";
  if (node === "ExplainStmt") return runsWhatItExplains(body) ? classify(body.query as Node).kind : "read";
  return kinds[node] ?? "ddl";
}

type Option = { DefElem?: { defname?: string; arg?: Readonly<Record<string, Readonly<Record<string, unknown>>>> } };

/** EXPLAIN with ANALYZE, unless it says off. */
function runsWhatItExplains({ options }: { readonly options?: readonly Option[] }): boolean {
  return (options ?? []).some(({ DefElem: option }) => {
    if (option?.defname?.toLowerCase() !== "analyze") return false;
    const { Boolean: truth, Integer: number, String: word } = option.arg ?? {};
    if (truth) return truth.boolval === true;
    if (number) return number.ival !== undefined && number.ival !== 0;
    return !/^(off|false|no|0)$/i.test(String(word?.sval ?? "on"));
  });
}

/** Every name that occurs in a tree, and the highest parameter. Without recursion: a tree is as deep as somebody wrote it. */
function survey(tree: unknown): { keys: ReadonlySet<string>; parameters: number } {
  const keys = new Set<string>();
  let parameters = 0;
  const left: unknown[] = [tree];
  while (left.length > 0) {
    const next = left.pop();
    if (typeof next !== "object" || next === null) continue;
    for (const [key, value] of Object.entries(next)) {
      if (!Array.isArray(next)) keys.add(key);
      if (key === "ParamRef") parameters = Math.max(parameters, (value as { number?: number }).number ?? 0);
      left.push(value);
    }
  }
  return { keys, parameters };
}

import { Refusal } from "../refusal.ts";
import type { ApiRequest } from "../request/request.ts";
import type { Logic } from "../request/types.ts";
import type { Column, Relation } from "../schema/types.ts";
import { nearest } from "./nearest.ts";
import { columnsListed, type Place, planLogic, planNode } from "./read.ts";
import type { MutatePlan } from "./types.ts";

export function planMutation(place: Place, request: ApiRequest, relation: Relation): MutatePlan {
  const { action, query, prefer, payload } = request;
  const how = action === "create" ? "insert" : action === "upsert" ? "put" : action === "update" ? "update" : "delete";
  const { level } = query;
  if (how === "put") requireKeyFilters(request, relation);
  else if (how !== "insert" && (level.limit !== undefined || level.offset !== undefined))
    throw new Refusal(400, "PGRST100", "limit and offset do not go with a change", {
      hint: "Choose the rows by filters; `Prefer: handling=strict, max-affected=N` guards against changing more than N.",
    });
  const rows = { relation, columns: relation.columns, name: relation.name };
  const returns = prefer.return ?? "minimal";
  const filters = how === "insert" ? [] : level.filters;
  const columns = how === "delete" ? [] : columnsOf(request, relation);
  const body = payload?.kind === "rows" ? payload : undefined;
  if (how === "put" && body?.count !== 1)
    throw new Refusal(400, "PGRST116", "Cannot coerce the result to a single JSON object", {
      details: "A PUT has one row",
    });
  if (how === "insert" && columns.length === 0 && (body?.count ?? 0) > 1)
    throw new Refusal(400, "PGRST102", "Several rows without columns cannot be inserted at once");
  return {
    ...{ kind: "mutate", how, relation, columns, returns },
    ...{ isArray: body?.isArray ?? false, count: body?.count ?? 0, usesDefaults: prefer.missing === "default" },
    ...conflictOf(request, relation, how),
    where: filters.map((logic) => planLogic(place, rows, 0, [], logic)),
    node: planNode(place, rows, returns === "representation" ? query.select : [], {
      ...level,
      filters: [],
      ...(returns === "representation" ? {} : { embeds: new Map(), order: [] }),
    }),
  };
}

function columnsOf({ payload, query }: ApiRequest, relation: Relation): readonly Column[] {
  const names = query.columns ?? (payload?.kind === "rows" ? payload.keys : []);
  return names.map((name) => {
    const column = relation.columns.get(name);
    if (column === undefined) throw noColumn(name, relation);
    return column;
  });
}

function noColumn(name: string, relation: Relation): Refusal {
  const near = nearest(name, relation.columns.keys());
  return new Refusal(400, "PGRST204", `Could not find the '${name}' column of '${relation.name}' in the schema cache`, {
    hint: near === undefined ? columnsListed : `Perhaps you meant the column '${near}'.`,
  });
}

function conflictOf(
  { query, prefer }: ApiRequest,
  relation: Relation,
  how: MutatePlan["how"],
): Pick<MutatePlan, "conflict"> {
  if (how === "put") return { conflict: { columns: relation.primaryKey, does: "update" } };
  if (how !== "insert" || prefer.resolution === undefined) return {};
  const columns = query.onConflict ?? relation.primaryKey;
  for (const name of columns) if (!relation.columns.has(name)) throw noColumn(name, relation);
  if (columns.length === 0) return {};
  return { conflict: { columns, does: prefer.resolution === "merge-duplicates" ? "update" : "nothing" } };
}

/** `PUT /t?id=eq.1`: the whole key, by `eq`, and nothing else. */
function requireKeyFilters({ query }: ApiRequest, { primaryKey }: Relation): void {
  const { filters, limit, offset } = query.level;
  if (limit !== undefined || offset !== undefined)
    throw new Refusal(400, "PGRST114", "limit/offset querystring parameters are not allowed for PUT");
  const isKey = (logic: Logic) =>
    logic.kind === "filter" &&
    !logic.isNegated &&
    logic.field.path.length === 0 &&
    primaryKey.includes(logic.field.name) &&
    logic.operation.kind === "compare" &&
    logic.operation.operator === "eq" &&
    logic.operation.quantifier === undefined;
  if (primaryKey.length === 0 || filters.length !== primaryKey.length || !filters.every(isKey))
    throw new Refusal(405, "PGRST105", "Filters must include all and only primary key columns with 'eq' operators");
}

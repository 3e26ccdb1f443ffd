import { quoteIdent } from "../../../platform/sql/index.ts";
import { scalarColumn } from "../plan/call.ts";
import type { CallPlan, MutatePlan, Plan, ReadPlan } from "../plan/types.ts";
import { Refusal } from "../refusal.ts";
import type { ApiRequest } from "../request/request.ts";
import type { RestSettings } from "../types.ts";
import { type AnswerParts, answerSql, bodySql, noBody, type Shape } from "./answer.ts";
import { callSource } from "./call.ts";
import { changeSql, insertedSql } from "./mutate.ts";
import { countOf, type NodeSql, nodeSql, selectOf } from "./node.ts";
import { type ParamSource, qualified, rowColumn, Writer } from "./writer.ts";

export type Statement = { readonly text: string; readonly params: readonly ParamSource[] };

export type Compiled = {
  readonly plan: Plan;
  readonly main: Statement;
  /** Postgres's own estimate of the number of rows. */
  readonly estimate?: Statement;
  /** The first uses of a statement are not worth keeping it prepared. */
  uses: number;
  readonly name: string;
};

export type CompileOptions = { readonly settings: RestSettings; readonly name: string };

export function compile(plan: Plan, request: ApiRequest, options: CompileOptions): Compiled {
  const { main, estimate } = sqlOf(plan, request, options.settings);
  const shown = request.media.kind === "plan" ? { ...main, text: `${explainOf(request)} ${main.text}` } : main;
  return { plan, main: shown, ...(estimate === undefined ? {} : { estimate }), uses: 0, name: options.name };
}

type Made = { readonly main: Statement; readonly estimate?: Statement };

function sqlOf(plan: Plan, request: ApiRequest, settings: RestSettings): Made {
  switch (plan.kind) {
    case "read":
      return readSql(plan, request, settings);
    case "mutate":
      return mutationSql(plan, request, settings);
    case "call":
      return routineSql(plan, request, settings);
  }
}

function explainOf({ media }: ApiRequest): string {
  if (media.kind !== "plan") return "";
  return `explain (format ${media.format}${media.options.map((option) => `, ${option}`).join("")})`;
}

function rootLimit({ range }: ApiRequest, writer: Writer): string {
  const limit = range.limit === null && writer.maxRows === null ? "" : ` limit ${writer.param({ kind: "limit" })}`;
  return `${limit}${range.offset === 0 ? "" : ` offset ${writer.param({ kind: "offset" })}`}`;
}

/** HEAD has everything but the body. */
const bodyOf = (request: ApiRequest, shape: Shape) => (request.isHead ? noBody : bodySql(request.media, shape));

function shapeOf(sql: NodeSql): Shape {
  const [only, more] = sql.outputs;
  return { isSet: true, ...(only === undefined || more !== undefined || only.name === "*" ? {} : { only: only.name }) };
}

function readSql({ node, relation }: ReadPlan, request: ApiRequest, settings: RestSettings): Made {
  const writer = new Writer({ isRootDerived: false, maxRows: settings.maxRows });
  const from = `${qualified(relation)} as r0`;
  const sql = nodeSql(node, { from, where: [], limit: rootLimit(request, writer) }, writer);
  const total = totalOf(node, sql, request, settings);
  const text = answerSql({
    rows: selectOf(sql),
    ...total,
    body: bodyOf(request, shapeOf(sql)),
    maxBytes: settings.maxBytes,
  });
  const made = { main: { text, params: writer.params } };
  const { count } = request.prefer;
  if (count !== "planned" && count !== "estimated") return made;
  const own = new Writer({ isRootDerived: false, maxRows: settings.maxRows });
  const bare = nodeSql({ ...node, order: [] }, { from, where: [], limit: "" }, own);
  return { ...made, estimate: { text: `explain (format json) ${selectOf(bare)}`, params: own.params } };
}

/** Of an estimate the rows are counted too, as far as an answer goes. */
function totalOf(
  node: ReadPlan["node"],
  sql: NodeSql,
  { prefer }: ApiRequest,
  { maxRows }: RestSettings,
): Pick<AnswerParts, "total"> {
  if (prefer.count === "exact") return { total: countOf(node, sql, null) };
  if (prefer.count === "estimated") return { total: countOf(node, sql, maxRows === null ? null : maxRows + 1) };
  return {};
}

function mutationSql(plan: MutatePlan, request: ApiRequest, settings: RestSettings): Made {
  const writer = new Writer({ isRootDerived: true, maxRows: settings.maxRows });
  const change = changeSql(plan, writer);
  const { node, returns } = plan;
  const isShown = returns === "representation";
  const limit = isShown && plan.how === "insert" ? rootLimit(request, writer) : "";
  const sql = nodeSql(node, { from: "nebula_changed as r0", where: [], limit }, writer);
  const keys =
    returns === "headers-only" && plan.relation.primaryKey.length > 0
      ? `pg_catalog.json_agg(pg_catalog.json_build_array(${plan.relation.primaryKey.map((name) => `t.${quoteIdent(name)}::text`).join(", ")}))`
      : "null";
  const text = answerSql({
    ctes: [`nebula_changed as (${change})`],
    rows: isShown ? selectOf(sql) : "select * from nebula_changed",
    page: isShown ? "(select pg_catalog.count(*) from nebula_changed)" : "pg_catalog.count(*)",
    body: isShown ? bodySql(request.media, shapeOf(sql)) : noBody,
    keys,
    ...(plan.conflict?.does === "update" ? { inserted: insertedSql } : {}),
    maxBytes: settings.maxBytes,
  });
  return { main: { text, params: writer.params } };
}

function routineSql(plan: CallPlan, request: ApiRequest, settings: RestSettings): Made {
  const { routine, node } = plan;
  const isCounted = request.prefer.count !== undefined;
  const isRows = routine.result.kind === "rows";
  const writer = new Writer({ isRootDerived: isCounted && isRows, maxRows: settings.maxRows });
  const source = callSource(plan, writer);
  const limit = routine.isSet ? rootLimit(request, writer) : "";
  const called = isRows ? `select r0.*, r0 as ${rowColumn} from ${source}` : `select r0.* from ${source}`;
  const from = isCounted ? "nebula_called as r0" : source;
  const sql = nodeSql(node, { from, where: [], limit }, writer);
  const text = answerSql({
    ...(isCounted ? { ctes: [`nebula_called as materialized (${called})`] } : {}),
    rows: selectOf(sql),
    ...(isCounted ? { total: countOf(node, sql, null) } : {}),
    body: routine.result.kind === "void" ? noBody : bodyOf(request, callShape(plan, sql)),
    maxBytes: settings.maxBytes,
  });
  return { main: { text, params: writer.params } };
}

function callShape({ routine: { result, isSet } }: CallPlan, sql: NodeSql): Shape {
  if (result.kind === "rows") return { ...shapeOf(sql), isSet };
  if (result.kind === "void") throw new Refusal(406, "PGRST107", "A function without a result has no body");
  return { scalar: { column: scalarColumn, type: result.type }, isSet };
}

/** The root: a description of what this client's role may use. */
import type { StepResult } from "../../../platform/sql/index.ts";
import { contentTypeOf } from "../request/media.ts";
import type { ApiRequest } from "../request/request.ts";
import type { Relation, Routine, Snapshot } from "../schema/types.ts";
import { runWork } from "../transaction/run.ts";
import { settingsOf } from "../transaction/settings.ts";
import type { Lend, RestRequest, RestResponse, RestSession, RestSettings } from "../types.ts";
import { type Described, openapi } from "./openapi.ts";
import { refusalOf } from "./sql-errors.ts";
import { swagger } from "./swagger.ts";

/** Rights of the current role on the relations and functions of one schema. */
const rights = `
select 'relation', c.relname, concat_ws(',',
  case when has_table_privilege(c.oid, 'select') or has_any_column_privilege(c.oid, 'select') then 'select' end,
  case when has_any_column_privilege(c.oid, 'insert') then 'insert' end,
  case when has_any_column_privilege(c.oid, 'update') then 'update' end,
  case when has_table_privilege(c.oid, 'delete') then 'delete' end)
from pg_catalog.pg_class c
where c.relnamespace = (select n.oid from pg_catalog.pg_namespace n where n.nspname = $1) and c.relkind in ('r', 'p', 'v', 'm', 'f')
union all
select distinct 'routine', p.proname, 'execute'
from pg_catalog.pg_proc p
where p.pronamespace = (select n.oid from pg_catalog.pg_namespace n where n.nspname = $1) and has_function_privilege(p.oid, 'execute')`;

export async function describeSchema(
  request: ApiRequest,
  raw: RestRequest,
  snapshot: Snapshot,
  session: RestSession,
  lend: Lend,
  settings: RestSettings,
): Promise<RestResponse> {
  const steps = [{ text: rights, values: [request.schema] }];
  const work = { settings: settingsOf(request, raw, session, settings, true), steps, isCall: false };
  const ended = await lend((connection) => runWork(connection, work));
  if (ended.kind === "refused") throw refusalOf(ended.error, session.isAnonymous ?? false);
  const described = describe(request.schema, snapshot, ended.results[0]?.rows ?? []);
  const { media } = request;
  const isSwagger = media.kind === "openapi" && media.version === "2.0";
  const body = Buffer.from(JSON.stringify(isSwagger ? swagger(described) : openapi(described)));
  return {
    status: 200,
    headers: { "content-type": contentTypeOf({ kind: "openapi", version: isSwagger ? "2.0" : "3.1" }) },
    body: request.isHead ? Buffer.alloc(0) : body,
    facts: { wrote: [], rows: 0 },
  };
}

function describe(schema: string, snapshot: Snapshot, rows: StepResult["rows"]): Described {
  const relations: { readonly relation: Relation; readonly may: ReadonlySet<string> }[] = [];
  const routines: Routine[] = [];
  for (const [kind, name, list] of rows) {
    const may = new Set((list ?? "").split(",").filter((word) => word !== ""));
    if (kind === "routine") routines.push(...(snapshot.routines.get(schema)?.get(name ?? "") ?? []).slice(0, 1));
    else {
      const relation = snapshot.relations.get(schema)?.get(name ?? "");
      if (relation !== undefined && may.size > 0) relations.push({ relation, may });
    }
  }
  const byName = (a: string, b: string) => (a < b ? -1 : 1);
  relations.sort((a, b) => byName(a.relation.name, b.relation.name));
  routines.sort((a, b) => byName(a.name, b.name));
  return { schema, comment: snapshot.comments.get(schema) ?? "", relations, routines };
}

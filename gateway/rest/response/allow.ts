import { findRelation } from "../plan/plan.ts";
import { Refusal } from "../refusal.ts";
import type { ApiRequest } from "../request/request.ts";
import type { Relation, Routine, Snapshot } from "../schema/types.ts";
import type { RestResponse } from "../types.ts";

/** `OPTIONS`: what may be done here at all; whether this client may is decided when it tries. */
export function allowOf({ target, schema }: ApiRequest, snapshot: Snapshot): RestResponse {
  const allow =
    target.kind === "root"
      ? "OPTIONS,GET,HEAD"
      : target.kind === "relation"
        ? ofRelation(findRelation(snapshot, schema, target.name))
        : ofRoutine(snapshot.routines.get(schema)?.get(target.name), target.name);
  return { status: 200, headers: { allow }, body: Buffer.alloc(0), facts: { wrote: [], rows: 0 } };
}

function ofRelation({ isInsertable, isUpdatable, isDeletable, primaryKey }: Relation): string {
  const hasKey = primaryKey.length > 0;
  return [
    "OPTIONS,GET,HEAD",
    ...(isInsertable ? ["POST"] : []),
    ...(isInsertable && isUpdatable && hasKey ? ["PUT"] : []),
    ...(isUpdatable ? ["PATCH"] : []),
    ...(isDeletable ? ["DELETE"] : []),
  ].join(",");
}

function ofRoutine(routines: readonly Routine[] | undefined, name: string): string {
  if (routines === undefined)
    throw new Refusal(404, "PGRST202", `Could not find the function ${name} in the schema cache`);
  return routines.some(({ volatility }) => volatility !== "volatile") ? "OPTIONS,GET,HEAD,POST" : "OPTIONS,POST";
}

import { Refusal } from "../refusal.ts";
import type { ApiRequest } from "../request/request.ts";
import type { Relation, Snapshot } from "../schema/types.ts";
import { planCall } from "./call.ts";
import { planMutation } from "./mutate.ts";
import { nearest } from "./nearest.ts";
import { type Place, planNode } from "./read.ts";
import type { Plan } from "./types.ts";

/** @throws Refusal for what does not exist, is not exposed or cannot be meant. */
export function planRequest(request: ApiRequest, snapshot: Snapshot, aggregates: boolean): Plan {
  const { target, schema, action, query } = request;
  const place: Place = { snapshot, schema, aggregates };
  if (target.kind === "routine") return planCall(place, request, target.name);
  const relation = findRelation(snapshot, schema, target.kind === "relation" ? target.name : "");
  if (action !== "read") return planMutation(place, request, relation);
  return {
    ...{ kind: "read", relation },
    node: planNode(place, { relation, columns: relation.columns, name: relation.name }, query.select, query.level),
  };
}

export function findRelation(snapshot: Snapshot, schema: string, name: string): Relation {
  const known = snapshot.relations.get(schema);
  const relation = known?.get(name);
  if (relation !== undefined) return relation;
  const near = nearest(name, known?.keys() ?? []);
  throw new Refusal(404, "PGRST205", `Could not find the table '${schema}.${name}' in the schema cache`, {
    hint: near === undefined ? null : `Perhaps you meant the table '${schema}.${near}'`,
  });
}

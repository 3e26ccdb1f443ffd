/** Which of the functions of a name a call means. */
import { Refusal } from "../refusal.ts";
import type { ApiRequest } from "../request/request.ts";
import type { Column, Routine, Snapshot } from "../schema/types.ts";
import { nearest } from "./nearest.ts";
import { type Place, planNode, type Rows } from "./read.ts";
import type { CallPlan } from "./types.ts";

/** The name of a scalar's column inside our SQL. */
export const scalarColumn = "v";

export function planCall(place: Place, request: ApiRequest, name: string): CallPlan {
  const { snapshot, schema } = place;
  const { payload, query, method } = request;
  const candidates = snapshot.routines.get(schema)?.get(name) ?? [];
  const isPost = method === "POST";
  const given = isPost
    ? payload?.kind === "rows"
      ? payload.keys
      : []
    : [...new Set(query.args.map((one) => one.name))];
  const isRaw = payload?.kind === "raw" || (payload?.kind === "rows" && payload.isArray);
  const named = isRaw ? [] : candidates.filter((routine) => takes(routine, given));
  const [routine, another] =
    named.length > 0 ? named : isPost ? candidates.filter((one) => takesBody(one, request)) : [];
  if (routine === undefined) throw notFound(snapshot, schema, name, given, request);
  if (another !== undefined) throw severalFound([routine, another], schema);
  const isReadOnly = !isPost || routine.volatility !== "volatile";
  return {
    ...{ kind: "call", routine, isReadOnly },
    arguments: argumentsOf(request, routine, given, named.length > 0),
    node: planNode(
      place,
      rowsOf(routine),
      routine.result.kind === "rows" ? query.select : [{ kind: "star" }],
      query.level,
    ),
  };
}

function takes({ arguments: args }: Routine, given: readonly string[]): boolean {
  const names = new Set(args.map(({ name }) => name));
  return (
    given.every((name) => name !== "" && names.has(name)) &&
    args.every(({ name, isRequired }) => !isRequired || (name !== "" && given.includes(name)))
  );
}

/** One unnamed parameter takes the body as it is. */
function takesBody({ arguments: args }: Routine, { payload }: ApiRequest): boolean {
  const [only, more] = args;
  if (only === undefined || more !== undefined || only.name !== "" || payload === undefined) return false;
  const type = payload.kind === "raw" ? payload.type : "json";
  return type === "json" ? only.type === "json" || only.type === "jsonb" : only.type === type;
}

function argumentsOf(
  request: ApiRequest,
  routine: Routine,
  given: readonly string[],
  isNamed: boolean,
): CallPlan["arguments"] {
  if (!isNamed) return { kind: "raw" };
  if (request.method === "POST") return { kind: "body", names: given };
  const slots = new Map<string, number[]>();
  for (const { name, slot } of request.query.args) slots.set(name, [...(slots.get(name) ?? []), slot]);
  for (const [name, list] of slots) {
    const isVariadic = routine.arguments.find((one) => one.name === name)?.isVariadic ?? false;
    if (!isVariadic) slots.set(name, list.slice(-1)); // the last one counts
  }
  return { kind: "query", slots };
}

function rowsOf({ name, result }: Routine): Rows {
  if (result.kind === "rows")
    return { ...(result.relation === undefined ? {} : { relation: result.relation }), columns: result.columns, name };
  const column: Column = {
    ...{ name: scalarColumn, type: result.kind === "scalar" ? result.type : "void", isNullable: true, default: null },
    ...{ isGenerated: false, comment: null, labels: null, maxLength: null },
  };
  return { columns: new Map([[scalarColumn, column]]), name };
}

function notFound(
  snapshot: Snapshot,
  schema: string,
  name: string,
  given: readonly string[],
  { method }: ApiRequest,
): Refusal {
  const signature = `${schema}.${name}${given.length === 0 ? "" : `(${given.join(", ")})`}`;
  const parameters =
    given.length === 0
      ? "without parameters"
      : `with ${given.length === 1 ? "parameter" : "parameters"} ${given.join(", ")}`;
  const body = method === "POST" ? " or with a single unnamed json/jsonb parameter" : "";
  const known = snapshot.routines.get(schema);
  const others = known?.get(name);
  const near = others === undefined ? nearest(name, known?.keys() ?? []) : name;
  const shown = near === undefined ? undefined : known?.get(near)?.[0];
  return new Refusal(
    404,
    "PGRST202",
    `Could not find the function ${given.length === 0 ? `${signature} without parameters` : signature} in the schema cache`,
    {
      details: `Searched for the function ${schema}.${name} ${parameters}${body}, but no matches were found in the schema cache.`,
      hint: shown === undefined ? null : `Perhaps you meant to call the function ${schema}.${signatureOf(shown)}`,
    },
  );
}

const signatureOf = ({ name, arguments: args }: Routine) =>
  `${name}${args.length === 0 ? "" : `(${args.map((one) => one.name).join(", ")})`}`;

const severalFound = (routines: readonly Routine[], schema: string) =>
  new Refusal(
    300,
    "PGRST203",
    `Could not choose the best candidate function between: ${routines.map((one) => `${schema}.${one.name}(${one.arguments.map((arg) => `${arg.name} => ${arg.type}`).join(", ")})`).join(", ")}`,
    {
      hint: "Try renaming the parameters or the function itself in the database so function overloading can be resolved",
    },
  );

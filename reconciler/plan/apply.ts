import type { DatabaseSpec, ProjectSpec } from "../../platform/spec/index.ts";
import type { Change, JsonValue, Plan, Step } from "./types.ts";

/**
 * What a spec is after a plan: every change set to its `to`. Pure. `applyPlan(previous, planProject(previous, next))` is `next`, and
 * applying reviewed plans one after the other is what was reviewed, however they were deployed.
 */
export function applyPlan(previous: ProjectSpec, { steps, project }: Pick<Plan, "steps" | "project">): ProjectSpec {
  const databases = new Map(previous.databases.map((database) => [database.name, database]));
  for (const step of steps) {
    const after = applyStep(databases.get(step.database), step);
    if (after === undefined) databases.delete(step.database);
    else databases.set(step.database, after);
  }
  return {
    ...project.reduce(setOwn, previous),
    databases: [...databases.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
  };
}

/** One database after one step; undefined when there is none. A change of what is not there changes nothing. */
export function applyStep(database: DatabaseSpec | undefined, { kind, changes }: Step): DatabaseSpec | undefined {
  if (kind === "delete") return undefined;
  if (kind === "create") return changes[0]?.to as unknown as DatabaseSpec;
  return database && changes.reduce(setOption, database);
}

type Plain = Readonly<Record<string, JsonValue>>;

function setOption(spec: DatabaseSpec, { path, to }: Change): DatabaseSpec {
  const plain = spec as unknown as Plain;
  const [, list, element] = /^(\w+)\[(.*)\]$/s.exec(path) ?? [];
  if (list !== undefined && element !== undefined) {
    const rest = (plain[list] as readonly string[]).filter((one) => one !== element);
    return { ...spec, [list]: (to === null ? rest : [...rest, element]).sort() };
  }
  const [head = "", ...more] = path.split(".");
  const inner = more.join(".");
  if (head === "api" && inner !== "" && spec.api !== undefined)
    return {
      ...spec,
      api: setApi(spec.api as unknown as Plain, more, to) as unknown as NonNullable<DatabaseSpec["api"]>,
    };
  if (head === "buckets" && inner !== "")
    return {
      ...spec,
      buckets: setInside((spec.buckets ?? {}) as unknown as Plain, more, to) as NonNullable<DatabaseSpec["buckets"]>,
    };
  if (head === "roles") return { ...spec, roles: setRole(spec.roles, inner, to) };
  if (inner !== "") {
    const record = (plain[head] ?? {}) as Plain;
    // Of a branch null is a value: no moment is now, no end is never.
    return { ...spec, [head]: head === "branch" ? { ...record, [inner]: to } : setMember(record, inner, to) };
  }
  return to === null && isLater(head) ? (setMember(plain, head, null) as DatabaseSpec) : { ...spec, [head]: to };
}

/** A field that a spec has only where it is declared; of the others null is a value. */
const isLater = (head: string): boolean => ["connections", "branch", "migrations", "api", "buckets"].includes(head);

function setRole(roles: DatabaseSpec["roles"], path: string, to: JsonValue): DatabaseSpec["roles"] {
  const [name = "", member] = path.split(".");
  const before = roles.find((role) => role.name === name);
  const others = roles.filter((role) => role.name !== name);
  if (to === null) return others;
  const after = member === undefined ? { name, ...(to as object) } : { ...before, name, [member]: to };
  return [...others, after as DatabaseSpec["roles"][number]].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** `maxRows`, `cache.public.orders`, `limits.perSecond`, `limits.endpoints.public.orders`: a table's name has a dot of its own. */
function setApi(api: Plain, [field = "", ...rest]: readonly string[], to: JsonValue): Plain {
  if (rest.length === 0) return setMember(api, field, to);
  const record = (api[field] ?? {}) as Plain;
  if (field === "limits" && rest[0] === "endpoints")
    return { ...api, limits: setApi(record, ["endpoints", rest.slice(1).join(".")], to) };
  return { ...api, [field]: setMember(record, rest.join("."), to) };
}

/** `assets`, `assets.public`, `assets.website.index`: null takes away, at every depth. */
function setInside(record: Plain, [key = "", ...rest]: readonly string[], to: JsonValue): unknown {
  return rest.length === 0
    ? setMember(record, key, to)
    : { ...record, [key]: setInside((record[key] ?? {}) as Plain, rest, to) };
}

function setMember(record: Plain, key: string, to: JsonValue): Plain {
  const { [key]: _, ...rest } = record;
  return to === null ? rest : { ...rest, [key]: to };
}

function setOwn(spec: ProjectSpec, { path, to }: Change): ProjectSpec {
  const [head = "", member] = path.split(".");
  if (head === "previewBranches" && to === null) {
    const { previewBranches: _, ...rest } = spec;
    return rest;
  }
  if (member === undefined) return { ...spec, [head]: to };
  return { ...spec, quota: { ...spec.quota, [member]: to } as ProjectSpec["quota"] };
}

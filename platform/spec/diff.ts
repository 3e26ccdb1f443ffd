import { canonicalJson } from "./canonical.ts";
import type { DatabaseSpec, ProjectSpec } from "./types.ts";

/** One option that differs. `path` is dotted, as in the spec: `compute.maxUnits`, `tags.team`, `roles.reporting.access`. */
export type Change = { readonly path: string; readonly from: unknown; readonly to: unknown };

export type DatabaseDiff =
  | { readonly kind: "added"; readonly database: string; readonly next: DatabaseSpec }
  | { readonly kind: "removed"; readonly database: string; readonly previous: DatabaseSpec }
  | {
      readonly kind: "changed";
      readonly database: string;
      readonly previous: DatabaseSpec;
      readonly next: DatabaseSpec;
      /** Sorted by path, never empty. */
      readonly changes: readonly Change[];
    };

export type ProjectDiff = {
  /** Placement, region, quota and previews. */
  readonly project: readonly Change[];
  /** Sorted by database; unchanged ones are left out. */
  readonly databases: readonly DatabaseDiff[];
};

/** What differs between two specs of one project. Pure; the order of declarations does not matter. */
export function diffProject(previous: ProjectSpec | null, next: ProjectSpec): ProjectDiff {
  const before = new Map((previous?.databases ?? []).map((spec) => [spec.name, spec]));
  const after = new Map(next.databases.map((spec) => [spec.name, spec]));
  const names = [...new Set([...before.keys(), ...after.keys()])].sort();
  return {
    project: previous === null ? [] : diffValues(own(previous), own(next)),
    databases: names.flatMap((name) => diffDatabase(name, before.get(name), after.get(name))),
  };
}

const own = ({ placement, region, quota, previewBranches }: ProjectSpec) => ({
  ...{ placement, region, quota },
  previewBranches: previewBranches ?? null,
});

function diffDatabase(database: string, previous?: DatabaseSpec, next?: DatabaseSpec): DatabaseDiff[] {
  if (previous === undefined) return next === undefined ? [] : [{ kind: "added", database, next }];
  if (next === undefined) return [{ kind: "removed", database, previous }];
  const changes = diffValues(byName(previous), byName(next));
  return changes.length === 0 ? [] : [{ kind: "changed", database, previous, next, changes }];
}

/** Roles as a record, so that adding one is not a change of all that follow. */
const byName = (spec: DatabaseSpec) => ({
  ...spec,
  roles: Object.fromEntries(spec.roles.map(({ name, ...role }) => [name, role])),
});

type Plain = Readonly<Record<string, unknown>>;
const isPlain = (value: unknown): value is Plain =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Leaves that differ; a member that one side lacks is null there. */
function diffValues(from: Plain, to: Plain, prefix = ""): Change[] {
  const keys = [...new Set([...Object.keys(from), ...Object.keys(to)])].sort();
  return keys.flatMap((key) => {
    const path = `${prefix}${key}`;
    const [a, b] = [from[key] ?? null, to[key] ?? null];
    if (isPlain(a) && isPlain(b)) return diffValues(a, b, `${path}.`);
    return canonicalJson(a) === canonicalJson(b) ? [] : [{ path, from: a, to: b }];
  });
}

import {
  type DatabaseDiff,
  type DatabaseSpec,
  diffProject,
  type ProjectSpec,
  type Change as SpecChange,
} from "../../platform/spec/index.ts";
import type { JsonValue } from "./types.ts";

export type Difference = { readonly path: string; readonly from: JsonValue; readonly to: JsonValue };
export type ProjectDifferences = {
  readonly project: readonly Difference[];
  readonly databases: readonly DatabaseDiff[];
};

export function differencesOf(previous: ProjectSpec | null, next: ProjectSpec): ProjectDifferences {
  const { project, databases } = diffProject(previous, next);
  return { project: project as readonly Difference[], databases };
}

/** What differs between two states of one database, element by element. */
export function changesBetween(previous: DatabaseSpec, next: DatabaseSpec): readonly Difference[] {
  const only = (database: DatabaseSpec): ProjectSpec => ({ ...nowhere, databases: [database] });
  return diffProject(only(previous), only(next)).databases.flatMap((diff) =>
    diff.kind === "changed" ? elementwise(diff.changes) : [],
  );
}

const nowhere = { tenant: "", project: "", placement: "local", region: "", quota: null } as const;

/**
 * Lists are sets: one that gained an element is one difference, `extensions[pgcrypto]`, not two whole lists. Those of a data API are
 * not: the first schema is the default one, and what verifies tokens is no text; nor those of a bucket.
 */
export function elementwise(changes: readonly SpecChange[]): Difference[] {
  return (changes as readonly Difference[]).flatMap((change) =>
    Array.isArray(change.from) && Array.isArray(change.to) && !/^(api|buckets)\./.test(change.path)
      ? elements(change.path, change.from, change.to)
      : [change],
  );
}

function elements(path: string, from: readonly JsonValue[], to: readonly JsonValue[]): Difference[] {
  const all = [...new Set([...from, ...to].map(String))].sort();
  const has = (list: readonly JsonValue[], name: string) => (list.map(String).includes(name) ? true : null);
  return all
    .map((name) => ({ path: `${path}[${name}]`, from: has(from, name), to: has(to, name) }))
    .filter((one) => one.from !== one.to);
}

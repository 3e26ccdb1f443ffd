import {
  type BucketSpec,
  bucketParent,
  type DatabaseSpec,
  duplicateName,
  resolveBucket,
  type SourceLocation,
  shown,
} from "../../spec/index.ts";
import { problemAt } from "../errors.ts";
import { placeProblems } from "./places.ts";
import type { Recorded } from "./run-file.ts";
import type { Workspace } from "./workspace.ts";

type Database = { readonly spec: DatabaseSpec; readonly at: SourceLocation };

/**
 * The project's buckets, each as a part of its database's spec. A name is one bucket in the whole project, and no database's: it is a
 * file's name. While something else of the project is wrong, a database that is missing may be just that.
 */
export function withBuckets(
  { files, problems }: Pick<Workspace, "files" | "problems">,
  databases: readonly Database[],
  declared: readonly Recorded[],
): Database[] {
  const whole = problems.length === 0;
  const parents = databases.map(({ spec }) => spec).filter(({ branch }) => branch === undefined);
  const taken = new Set(databases.map(({ spec }) => spec.name));
  const byDatabase = new Map<string, [string, BucketSpec][]>();
  for (const { name, options, at } of declared) {
    if (typeof name !== "string") continue; // said already
    if (taken.has(name))
      problems.push(problemAt(duplicateName, at, `the name ${shown(name)} is taken`, "Give the bucket another name."));
    taken.add(name);
    const resolved = resolveBucket({ name, options }, parents);
    if (resolved.kind === "ok") {
      const { of, bucket } = resolved.spec;
      byDatabase.set(of, [...(byDatabase.get(of) ?? []), [name, bucket]]);
    } else {
      const own = resolved.problems.filter(({ code }) => whole || code !== bucketParent.definition.code);
      problems.push(...placeProblems(files, { name, at }, own));
    }
  }
  return databases.map(({ spec, at }) => {
    const own = byDatabase.get(spec.name);
    if (own === undefined) return { spec, at };
    const buckets = Object.fromEntries(own.sort(([a], [b]) => (a < b ? -1 : 1)));
    return { spec: { ...spec, buckets }, at };
  });
}

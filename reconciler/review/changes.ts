import type { Fault } from "../../platform/core/index.ts";
import type { FileChange } from "../../platform/git/index.ts";
import { needsDomainAdmin, needsPlatformAdmin } from "./errors.ts";
import type { Note } from "./types.ts";

/** What a change touches beside projects, as notes for the reader. Pure. */
export function notesOf(changes: readonly FileChange[]): readonly Note[] {
  const touched = touchedPaths(changes);
  return [
    note(needsPlatformAdmin, "this changes the fleet or files outside the declarations", touched.filter(isPlatform)),
    note(
      needsDomainAdmin,
      "this changes who may do what in a tenant, or what its projects share",
      touched.filter(isTenant),
    ),
  ].flatMap((one) => one ?? []);
}

/** Every path that a change names, on either side. */
export const touchedPaths = (changes: readonly FileChange[]): readonly string[] => [
  ...new Set(changes.flatMap(({ path, previousPath }) => [path, ...(previousPath === null ? [] : [previousPath])])),
];

/** The platform's own: plans, quotas, prices, policies, and whatever is no declaration. */
export const isPlatform = (path: string): boolean => !path.startsWith("tenants/") || path.startsWith("tenants/fleet/");

/** tenant.ts and what lies beside it. */
export const isTenant = (path: string): boolean => !isPlatform(path) && path.split("/").length === 3;

function note({ definition }: Fault, message: string, paths: readonly string[]): Note | undefined {
  if (paths.length === 0) return undefined;
  return { severity: "warn", code: definition.code, message, hint: definition.hint, paths: [...paths].sort() };
}

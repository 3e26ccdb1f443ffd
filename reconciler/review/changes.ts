import type { Fault } from "../../platform/core/index.ts";
import type { FileChange } from "../../platform/git/index.ts";
import { type OwnershipFinding, touchedPaths } from "../../platform/ownership/index.ts";
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

/** The platform's own: plans, quotas, prices, policies, and whatever is no declaration. */
export const isPlatform = (path: string): boolean => !path.startsWith("tenants/") || path.startsWith("tenants/fleet/");

/** tenant.ts and what lies beside it. */
export const isTenant = (path: string): boolean => !isPlatform(path) && path.split("/").length === 3;

function note({ definition }: Fault, message: string, paths: readonly string[]): Note | undefined {
  if (paths.length === 0) return undefined;
  return {
    check: "policy",
    severity: "warn",
    code: definition.code,
    message,
    hint: definition.hint,
    paths: [...paths].sort(),
  };
}

/** What stands against a change, whatever it declares. */
export const refusalOf = (found: OwnershipFinding): Note => ({ check: "policy", severity: "error", ...found });

import type { Context } from "../context.ts";
import type { Caller } from "../http/caller.ts";
import type { Repository } from "../store/repositories.ts";
import { findProtection } from "./protection.ts";
import { describeMissing, requiredCheckStates } from "./required-checks.ts";

/** What stands against a direct change of a reference (not by the merge of a pull request). */
export type UpdateVerdict = {
  /** Refused whatever it brings. */
  readonly refused: string | null;
  /** Still to be checked against the objects. */
  readonly mustFastForward: boolean;
  readonly mustBeLinear: boolean;
};

const free: UpdateVerdict = { refused: null, mustFastForward: false, mustBeLinear: false };

/** `to` null is a deletion. Branches without rules are free, and so is everything that is no branch. */
export async function judgeUpdate(
  context: Context,
  caller: Caller,
  repository: Repository,
  ref: string,
  to: string | null,
): Promise<UpdateVerdict> {
  if (!ref.startsWith("refs/heads/")) return free;
  const branch = ref.slice("refs/heads/".length);
  if (to === null && branch === repository.defaultBranch)
    return { ...free, refused: "Refusing to delete the default branch" };
  const protection = await findProtection(context.sql, repository.id, branch);
  if (protection === undefined) return free;
  if (to === null) return { ...free, refused: protection.allowDeletions ? null : "Cannot delete this branch" };
  const shape = { mustFastForward: !protection.allowForcePushes, mustBeLinear: protection.linearHistory };
  const bypasses = !protection.enforceAdmins && caller.may(repository, "administration:write");
  if (bypasses) return { refused: null, mustFastForward: shape.mustFastForward, mustBeLinear: false };
  if (protection.lockBranch) return { ...shape, refused: "Cannot change this locked branch" };
  if (protection.requiredReviews !== null) return { ...shape, refused: "Changes must be made through a pull request." };
  const missing = describeMissing(await requiredCheckStates(context.sql, repository.id, to, protection));
  return { ...shape, refused: missing ?? null };
}

import { type Clock, reportFault } from "../../platform/core/index.ts";
import { type BranchGuard, requiredContexts } from "../../platform/github/index.ts";
import {
  clearStall,
  getRepositorySafety,
  type RepositoryRow,
  recordProtection,
  stallRepository,
} from "../../platform/store/index.ts";
import { protectionWeakened } from "./errors.ts";
import type { SourceParts } from "./sync.ts";
import { underLease } from "./under-lease.ts";

/**
 * Whether the protection of the default branch still is what it was. What was never protected is left as it is; what once was and is
 * weaker now stops the repository until it is restored, or approved. Looked at once in `everyMs`, and at each pass while it is
 * stopped for that.
 * @returns false while nothing may be taken from the repository.
 */
export type ProtectionWatch = (repository: RepositoryRow) => Promise<boolean>;

export function makeProtectionWatch(
  parts: SourceParts & { readonly clock: Clock },
  { everyMs }: { readonly everyMs: number },
): ProtectionWatch {
  const { hosts, clock, observe } = parts;
  const looked = new Map<string, number>();
  const { code } = protectionWeakened.definition;
  return async (repository) => {
    const isStopped = repository.stalledCode === code;
    const last = looked.get(repository.id);
    if (!isStopped && last !== undefined && clock.monotonicMs() - last < everyMs) return true;
    looked.set(repository.id, clock.monotonicMs());
    const now = await hosts
      .of(repository)
      .readBranchGuard(repository.defaultBranch)
      .catch((thrown: unknown) => {
        reportFault(observe, "source.protection", thrown);
        return undefined;
      });
    if (now === undefined) return !isStopped; // no branch yet, or a host that does not answer: nothing new is known
    return judge(parts, repository, now);
  };
}

async function judge(parts: SourceParts, repository: RepositoryRow, now: BranchGuard): Promise<boolean> {
  const { sql, observe } = parts;
  const { code, hint } = protectionWeakened.definition;
  const known = (await getRepositorySafety<BranchGuard>(sql, repository.id))?.protection ?? null;
  const lost = known === null ? [] : weaknesses(known, now);
  if (lost.length > 0) {
    const reason = `${repository.defaultBranch} of ${repository.owner}/${repository.name}: ${lost.join("; ")}. ${hint}`;
    const isNew = await underLease(parts, repository, (tx) => stallRepository(tx, repository.id, { code, reason }));
    if (isNew) observe({ kind: "fault", where: "source.stalled", code, message: reason });
    return false;
  }
  if (JSON.stringify(known) !== JSON.stringify(now))
    await underLease(parts, repository, (tx) => recordProtection(tx, repository.id, strongest(known, now)));
  if (repository.stalledCode === code) await underLease(parts, repository, (tx) => clearStall(tx, repository.id, code));
  return true;
}

/** What `before` asked for and `now` does not. What our credential may not read is no weakness. Pure. */
export function weaknesses(before: BranchGuard, now: BranchGuard): readonly string[] {
  if (before.isProtected && !now.isProtected) return ["the branch is not protected any more"];
  const missing = requiredContexts.filter(
    (context) => before.contexts.includes(context) && !now.contexts.includes(context),
  );
  return [
    ...(missing.length > 0 ? [`it may be merged without ${missing.join(", ")}`] : []),
    ...(before.enforceAdmins === true && now.enforceAdmins === false ? ["administrators may merge past it"] : []),
    ...(before.allowsForcePushes === false && now.allowsForcePushes === true ? ["force-pushes are allowed"] : []),
  ];
}

/** A detail that cannot be read for a while is not forgotten. */
const strongest = (before: BranchGuard | null, now: BranchGuard): BranchGuard => ({ ...before, ...now });

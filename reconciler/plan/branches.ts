import { type DatabaseSpec, formatDurationSeconds, isOver, overAtOnce } from "../../platform/spec/index.ts";
import { whyNotRestorable } from "../../platform/store/index.ts";
import type { Difference } from "./differences.ts";
import { branchMoves, momentOver, momentToCome } from "./errors.ts";
import type { Block, Facts, Step } from "./types.ts";

/** What a new branch is, in words. */
export const branchWhy = (of: string, at: string | null): string =>
  `a copy of ${of} as it ${at === null ? "is" : `was at ${at}`}, with an endpoint and credentials of its own`;

/** Why a new branch cannot be made of the moment that it names. */
export function momentBlock(
  next: DatabaseSpec,
  parent: DatabaseSpec | undefined,
  { now, restorable }: Pick<Facts, "now" | "restorable">,
): Block | undefined {
  const at = next.branch?.at ?? null;
  if (at === null || parent === undefined || now === undefined) return undefined;
  const ageSeconds = (now.getTime() - Date.parse(at)) / 1000;
  const { retentionSeconds } = parent.backups;
  if (ageSeconds < 0)
    return toBlock(momentToCome, `${next.name} is to be ${parent.name} as it was at ${at}, which has not come`);
  const asked = `${next.name} is to be ${parent.name} as it was at ${at}`;
  if (ageSeconds > retentionSeconds)
    return toBlock(momentOver, `${asked}; ${parent.name} keeps ${formatDurationSeconds(retentionSeconds)}`);
  const window = restorable?.get(parent.name);
  const why = window === undefined ? undefined : whyNotRestorable(new Date(at), window ?? undefined);
  return why === undefined ? undefined : toBlock(momentOver, `${asked}; that moment ${why}`);
}

export type BranchVerdict = { readonly why: string; readonly blocked?: Block };

/** What a change of a branch's own facts does. */
export function judgeBranch(
  { path, from, to }: Difference,
  name: string,
  ageSeconds: number | undefined,
): BranchVerdict {
  if (path === "branch.ttlSeconds") return judgeTtl(name, to === null ? null : Number(to), ageSeconds);
  if (path === "branch" && to === null) return { why: "it stays, as a database of its own" };
  const message =
    path === "branch"
      ? `${name} has data of its own; it cannot become a branch`
      : `${name} is a branch of another ${path === "branch.of" ? "database" : "moment"}: ${from ?? "now"}`;
  return { why: message, blocked: toBlock(branchMoves, message) };
}

/** Merged, a ttl that is over already would end the branch at once: who wants that deletes its file. */
function judgeTtl(name: string, ttlSeconds: number | null, ageSeconds: number | undefined): BranchVerdict {
  if (ttlSeconds === null) return { why: "it stays" };
  if (!isOver({ ttlSeconds }, ageSeconds)) return { why: "it ends so long after its creation" };
  const ago = `${Math.floor(ageSeconds ?? 0)} s ago`;
  const why = `the ttl of ${name} counts from its creation, ${ago}, so ${formatDurationSeconds(ttlSeconds)} are over`;
  return { why, blocked: { ...toBlock(overAtOnce, why), hint: "Delete its file to end it, or write a longer ttl." } };
}

const toBlock = ({ definition: { code, hint } }: typeof branchMoves, message: string): Block => ({
  code,
  message,
  hint,
});

/** The databases that steps delete, as the prune budget counts them: a branch is a copy. */
export const deletesOf = (steps: readonly Step[]): readonly string[] =>
  steps.filter(({ kind, changes }) => kind === "delete" && !isBranch(changes[0]?.from)).map(({ database }) => database);

const isBranch = (spec: unknown): boolean => (spec as DatabaseSpec | null | undefined)?.branch !== undefined;

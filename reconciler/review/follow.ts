import { isDeepStrictEqual } from "node:util";
import { asNebulaError, failpoint } from "../../platform/core/index.ts";
import { githubConflict, githubNotMergeable, isFault, type Pull } from "../../platform/github/index.ts";
import { mayMerge, touchedPaths } from "../../platform/ownership/index.ts";
import {
  getFleet,
  listPullRows,
  moveBase,
  type PullRow,
  type RepositoryRow,
  recordPull,
  recordPullState,
  stopAutoMerge,
} from "../../platform/store/index.ts";
import { readAuthor } from "./author.ts";
import { tellNotMerged, tellOperation } from "./operation.ts";
import type { Reviewer, ReviewerParts } from "./reviewer.ts";
import type { Review } from "./types.ts";

type Row = PullRow<Review>;

/**
 * Brings the ledger's pull requests in line with the Git host's: new ones are noted, merged and closed ones too, and every open
 * one whose review is missing, broken, out of date or not shown is reviewed. Reviews run on after this returns.
 * @returns whether a merge became known: then there is something new on the default branch.
 */
export async function followPulls(
  parts: ReviewerParts,
  reviewer: Reviewer,
  repository: RepositoryRow,
): Promise<{ readonly merged: boolean }> {
  const host = parts.hosts.of(repository);
  const [open, rows] = await Promise.all([
    host.listPulls({ state: "open", base: repository.defaultBranch, limit: 500 }),
    listPullRows<Review>(parts.sql, { repository: repository.id, state: "open" }),
  ]);
  const known = new Map(rows.map((row) => [row.number, row]));
  for (const pull of open) {
    const row = known.get(pull.number);
    if (row === undefined || (await needsReview(parts, repository, row, pull))) void reviewer.review(repository, pull);
  }
  const stillOpen = new Set(open.map(({ number }) => number));
  let merged = false;
  for (const row of rows) {
    if (stillOpen.has(row.number)) continue;
    merged = (await noteState(parts, repository, await host.getPull(row.number))) || merged;
  }
  return { merged };
}

/** Notes what became of a pull request. True when it is merged and that is news. */
export async function noteState({ sql }: ReviewerParts, repository: RepositoryRow, pull: Pull): Promise<boolean> {
  const state = pull.merged ? "merged" : pull.state;
  await recordPull(sql, { repository: repository.id, number: pull.number, requestedBy: pull.author, by: "reconciler" });
  const { number, mergeCommit } = pull;
  const changed = await recordPullState(sql, { repository: repository.id, number, state, mergeCommit });
  if (changed !== undefined) await tellOperation(sql, changed);
  return changed?.state === "merged";
}

async function needsReview(parts: ReviewerParts, repository: RepositoryRow, row: Row, pull: Pull): Promise<boolean> {
  if (!isDeepStrictEqual([...row.labels].sort(), [...pull.labels].sort())) return true; // they may ask for branches
  if (row.headCommit !== pull.head.sha || row.postedAt === null || row.verdict === "error") return true;
  const until = row.review?.waitsUntil ?? null;
  if (until !== null && Date.parse(until) <= parts.clock.now()) return true; // a grace time is over
  return baseMatters(parts, repository, row);
}

/** The default branch went on, and what it changed has to do with this review: its projects, its tenants, or the fleet. */
async function baseMatters({ sql, mirrors }: ReviewerParts, repository: RepositoryRow, row: Row): Promise<boolean> {
  const git = mirrors.of(repository);
  const now = await git.revParse(`refs/heads/${repository.defaultBranch}`, "commit");
  if (now === undefined || row.baseCommit === null || row.baseCommit === now) return false;
  if ((await git.typeOf(row.baseCommit)) === undefined) return true;
  const paths = touchedPaths(await git.diffTree(row.baseCommit, now));
  const projects = row.review?.projects ?? [];
  const folders = projects.flatMap(({ tenant, project }) => [
    `tenants/${tenant}/${project}/`,
    `tenants/${tenant}/shared/`,
  ]);
  const tenants = new Set(projects.map(({ tenant }) => `tenants/${tenant}`));
  const matters = paths.some(
    (path) =>
      path.startsWith("tenants/fleet/") ||
      folders.some((folder) => path.startsWith(folder)) ||
      tenants.has(path.slice(0, path.lastIndexOf("/"))),
  );
  const { number } = row;
  if (!matters) await moveBase(sql, { repository: repository.id, number, from: row.baseCommit, to: now });
  return matters;
}

/**
 * Merges what asked for it: open, reviewed, shown, every check passed, still the very commit that was asked for, by somebody who may
 * still merge it. What the host refuses stays open and is tried at the next look.
 * @returns whether something was merged.
 */
export async function mergeReady(parts: ReviewerParts, repository: RepositoryRow): Promise<boolean> {
  if (repository.stalledCode !== null) return false; // onto a rewritten branch nothing is merged unasked
  const rows = await listPullRows<Review>(parts.sql, { repository: repository.id, state: "open" });
  const asked = rows.filter(
    ({ autoMerge, autoMergeHead, headCommit, verdict, postedAt }) =>
      autoMerge && autoMergeHead !== null && autoMergeHead === headCommit && verdict === "success" && postedAt !== null,
  );
  let merged = false;
  for (const row of asked) {
    if (await baseMatters(parts, repository, row)) continue; // it is reviewed again first
    merged = (await mergeOne(parts, repository, row)) || merged;
  }
  return merged;
}

/** Rights may have gone since it was asked for: then it waits for somebody who has them. */
async function deniedNow({ sql, hosts }: ReviewerParts, repository: RepositoryRow, row: Row) {
  const [fleet, pull] = await Promise.all([getFleet(sql, repository.id), hosts.of(repository).getPull(row.number)]);
  const opened = { repository, head: row.headCommit ?? "", login: pull.author, accountId: pull.authorId };
  const author = await readAuthor(sql, opened, fleet?.tenants ?? []);
  const denied = row.review?.touched.find((touched) => !mayMerge(author, touched));
  return denied === undefined ? undefined : { name: author.name, scope: denied.scope, path: denied.path };
}

async function mergeOne(parts: ReviewerParts, repository: RepositoryRow, row: Row): Promise<boolean> {
  const { sql, hosts, observe } = parts;
  const { number, headCommit } = row;
  try {
    const denied = await deniedNow(parts, repository, row);
    if (denied !== undefined) {
      await stopAutoMerge(sql, repository.id, number);
      await tellNotMerged(sql, row, denied);
      return false;
    }
    const { sha } = await hosts.of(repository).mergePull(number, { sha: headCommit ?? "", method: "squash" });
    failpoint("review.merged");
    const changed = await recordPullState(sql, {
      repository: repository.id,
      number,
      state: "merged",
      mergeCommit: sha,
    });
    if (changed !== undefined) await tellOperation(sql, changed);
    return true;
  } catch (thrown) {
    const { code, message } = asNebulaError(thrown);
    if (!isFault(thrown, githubNotMergeable) && !isFault(thrown, githubConflict)) throw thrown;
    observe({
      kind: "merge.refused",
      repository: `${repository.owner}/${repository.name}`,
      pull: number,
      code,
      message,
    });
    return false;
  }
}

import { asNebulaError, noTracer, reportFault, type Span, traced } from "../../platform/core/index.ts";
import type { Pull } from "../../platform/github/index.ts";
import {
  beginReview,
  failReview,
  getPullRow,
  keepReview,
  markPosted,
  noteCommitTrace,
  type PullRow,
  type RepositoryRow,
  recordLabels,
  recordPull,
  recordReview,
} from "../../platform/store/index.ts";
import { traceOf } from "../source/index.ts";
import { tellReviewed } from "./operation.ts";
import { makePublisher, type Publisher } from "./publish.ts";
import { type Change, type Reviewed, type ReviewParts, reviewChange } from "./review-change.ts";
import type { Review } from "./types.ts";

/**
 * Runs reviews. One a pull request: a newer head ends the review of the older one; the same head joins it.
 *
 * 1. The five statuses are pending before anything is computed.
 * 2. The ledger has the review before the pull request shows it; whatever was not shown is shown by the next look.
 * 3. A review that breaks says so in every status. No status stays pending for ever.
 */
export type Reviewer = {
  /** Reviews the head of an open pull request; resolves when the review is over, whatever came of it. */
  review(repository: RepositoryRow, pull: Pull): Promise<void>;
  /** Ends the reviews of a repository that somebody else looks after by now. */
  drop(repositoryId: string): void;
  close(): Promise<void>;
};

type Running = { readonly head: string; readonly abort: AbortController; readonly done: Promise<void> };

export type ReviewerParts = ReviewParts & {
  /** Of the portal's API: where statuses link to. */
  readonly portalUrl: string;
};

export function makeReviewer(parts: ReviewerParts): Reviewer {
  const running = new Map<string, Running>();
  const start = (key: string, repository: RepositoryRow, pull: Pull, before: Promise<void>): Promise<void> => {
    const abort = new AbortController();
    const done = before
      .then(() => reviewInTrace(parts, repository, pull, abort.signal))
      .catch((thrown) => {
        if (!abort.signal.aborted) reportFault(parts.observe, "review", thrown);
      })
      .finally(() => {
        if (running.get(key)?.abort === abort) running.delete(key);
      });
    running.set(key, { head: pull.head.sha, abort, done });
    return done;
  };
  return {
    review(repository, pull) {
      const key = `${repository.id} ${pull.number}`;
      const current = running.get(key);
      if (current?.head === pull.head.sha) return current.done;
      current?.abort.abort();
      return start(key, repository, pull, current?.done ?? Promise.resolve());
    },
    drop(repositoryId) {
      for (const [key, { abort }] of running) if (key.startsWith(`${repositoryId} `)) abort.abort();
    },
    async close() {
      const all = [...running.values()];
      for (const { abort } of all) abort.abort();
      await Promise.all(all.map(({ done }) => done));
    },
  };
}

/** In the trace of the head, which begins here when nobody has begun it. */
async function reviewInTrace(
  parts: ReviewerParts,
  repository: RepositoryRow,
  pull: Pull,
  signal: AbortSignal,
): Promise<void> {
  const about = { repository: repository.id, commit: pull.head.sha };
  const parent = await traceOf(parts, about.repository, about.commit);
  const facts = {
    ...{ "nebula.repository": `${repository.owner}/${repository.name}`, "nebula.pull": pull.number },
    "nebula.commit": about.commit,
  };
  await traced(parts.tracer ?? noTracer, { name: "review", parent, facts }, async (span) => {
    await noteCommitTrace(parts.sql, about);
    await runReview(parts, repository, pull, { signal, span });
  });
}

async function runReview(
  parts: ReviewerParts,
  repository: RepositoryRow,
  pull: Pull,
  { signal, span }: { readonly signal: AbortSignal; readonly span: Span },
): Promise<void> {
  signal.throwIfAborted();
  const { sql, hosts, mirrors, clock, observe } = parts;
  const started = clock.monotonicMs();
  const host = hosts.of(repository);
  const about = { repository: repository.id, number: pull.number, head: pull.head.sha };
  const row = await recordPull(sql, { ...about, requestedBy: pull.author, by: "reconciler" });
  await recordLabels(sql, { ...about, labels: pull.labels });
  await beginReview(sql, about);
  const known = row.commentId === null ? {} : { commentId: row.commentId };
  const targetUrl = `${parts.portalUrl}/api/v1/pulls/${pull.number}`;
  const publisher = makePublisher(host, { ...about, targetUrl, ...known }, observe);
  const [base] = await Promise.all([
    hosts
      .of(repository)
      .gitToken()
      .then((token) => mirrors.fetchPull(repository, token, { number: pull.number, sha: pull.head.sha }))
      .then((fetched) => fetched.base ?? pull.base.sha),
    publisher.begin(),
  ]);
  signal.throwIfAborted();
  const review = await computeAndShow(
    parts,
    publisher,
    {
      ...{ repository, number: pull.number, head: pull.head.sha, base },
      ...{ login: pull.author, accountId: pull.authorId, labels: pull.labels },
    },
    signal,
  );
  if (review === undefined) return;
  const durationMs = clock.monotonicMs() - started;
  const { verdict } = review;
  span.note({ "nebula.outcome": verdict });
  const name = `${repository.owner}/${repository.name}`;
  observe({ kind: "review.done", repository: name, pull: pull.number, commit: review.head, verdict, durationMs });
}

/** Undefined when a newer head came in between. */
async function computeAndShow(
  parts: ReviewerParts,
  publisher: Publisher,
  change: Change,
  signal: AbortSignal,
): Promise<Review | undefined> {
  let shown: Promise<unknown> = Promise.resolve();
  const told = (first: Review): void => {
    shown = publisher.publish(first).catch(() => undefined); // what could not be shown now is shown at the end
  };
  const reviewed = await reviewChange(parts, change, { told, signal }).catch((thrown) => thrown as unknown);
  await shown;
  if (signal.aborted) return undefined;
  if (!isReviewed(reviewed)) {
    await noteBroken(parts, publisher, change, reviewed);
    throw reviewed;
  }
  const { review } = reviewed;
  if (!(await keep(parts, change, reviewed))) return undefined;
  const { commentId } = await publisher.publish(review);
  const { repository, number, head } = change;
  await markPosted(parts.sql, { repository: repository.id, number, head, commentId });
  return review;
}

const isReviewed = (value: unknown): value is Reviewed =>
  typeof value === "object" && value !== null && "mergeTree" in value;

/** It is reviewed again at the next look; until then every status says that it broke. */
async function noteBroken(
  { sql }: ReviewerParts,
  publisher: Publisher,
  change: Change,
  thrown: unknown,
): Promise<void> {
  const { repository, number, head } = change;
  await failReview(sql, { repository: repository.id, number, head });
  await publisher.fail(`the review broke: ${asNebulaError(thrown).message}`);
}

/** The ledger's copies - the newest one to show, each one to hold a merge against - and a line for whoever follows it. */
async function keep(
  { sql, holding }: ReviewerParts,
  { repository, number, head, base }: Change,
  { review, mergeTree }: Reviewed,
): Promise<boolean> {
  const { planHash, verdict, projects } = review;
  const plans = projects.flatMap(({ stack, plan }) =>
    plan === null ? [] : [{ stack, hash: plan.hash, steps: plan.steps, project: plan.project }],
  );
  return sql.tx(async (tx) => {
    await holding?.(tx, repository.id);
    const kept = await recordReview(tx, { repository: repository.id, number, head, base, review, planHash, verdict });
    if (kept)
      await keepReview(tx, {
        ...{ repository: repository.id, number, head, base, mergeTree, verdict, planHash },
        plans,
      });
    const row: PullRow | undefined = kept ? await getPullRow(tx, repository.id, number) : undefined;
    if (row !== undefined) await tellReviewed(tx, row, review);
    return kept;
  });
}

import type { Observe } from "../../platform/core/index.ts";
import {
  type GitHub,
  githubForbidden,
  githubNotFound,
  githubUnauthorised,
  isFault,
} from "../../platform/github/index.ts";
import { commentMarker, renderComment } from "./comment.ts";
import { headlineOf } from "./headline.ts";
import { annotationsOf, pendingStatuses, type Status, statusesOf } from "./statuses.ts";
import type { Review } from "./types.ts";

/** Puts a review on its pull request. Everything is said in place: saying it again changes nothing. */
export type Publisher = {
  /** The five statuses, at once. */
  begin(): Promise<void>;
  /** Statuses that changed, the comment, and the check run where our credential may make one. */
  publish(review: Review): Promise<{ readonly commentId: number }>;
  /** The review itself broke: no status stays pending. */
  fail(message: string): Promise<void>;
};

export function makePublisher(
  host: GitHub,
  to: { readonly number: number; readonly head: string; readonly targetUrl: string; readonly commentId?: number },
  observe: Observe,
): Publisher {
  const said = new Map<string, string>();
  const { head, number, targetUrl } = to;
  let commentId = to.commentId;

  const set = async (statuses: readonly Status[]): Promise<void> => {
    const news = statuses.filter(({ context, state, description }) => said.get(context) !== `${state} ${description}`);
    await Promise.all(
      news.map(async ({ context, state, description }) => {
        said.set(context, `${state} ${description}`);
        await host.createStatus(head, { context, state, description, targetUrl });
      }),
    );
  };
  const comment = async (review: Review): Promise<number> => {
    const known = commentId === undefined ? {} : { knownId: commentId };
    const { id } = await host.upsertComment(number, { marker: commentMarker, body: renderComment(review), ...known });
    commentId = id;
    return id;
  };
  return {
    begin: () => set(pendingStatuses),
    async publish(review) {
      const [id] = await Promise.all([
        comment(review),
        set(statusesOf(review)),
        reportCheckRun(host, review, targetUrl, observe),
      ]);
      return { commentId: id };
    },
    fail: (message) => set(pendingStatuses.map(({ context }) => ({ context, state: "error", description: message }))),
  };
}

/** Check runs belong to Apps. Without one, statuses and comment say the same. */
async function reportCheckRun(host: GitHub, review: Review, detailsUrl: string, observe: Observe): Promise<void> {
  const conclusion = review.verdict === "success" ? "success" : review.verdict === "failure" ? "failure" : "neutral";
  try {
    await host.upsertCheckRun({
      name: "nebula",
      sha: review.head,
      detailsUrl,
      state: review.verdict === "pending" ? { kind: "running" } : { kind: "done", conclusion },
      title: headlineOf(review).replace(/^\S+ /, ""),
      summary: renderComment(review),
      annotations: review.verdict === "pending" ? [] : annotationsOf(review),
    });
  } catch (thrown) {
    const refused = [githubForbidden, githubNotFound, githubUnauthorised].find((fault) => isFault(thrown, fault));
    if (refused === undefined) throw thrown;
    observe({ kind: "fault", where: "review.check-run", code: refused.definition.code, message: String(thrown) });
  }
}

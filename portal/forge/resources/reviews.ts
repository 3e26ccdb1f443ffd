import { z } from "zod";
import type { Sql } from "../../../platform/sql/index.ts";
import { now } from "../context.ts";
import { withEvents } from "../events/emit.ts";
import { pageAnswer, pageOf } from "../http/page.ts";
import { unprocessable } from "../http/refusal.ts";
import { parseBody, type RepositoryCall, repositoryRoute } from "../http/route.ts";
import { type Account, readAccounts } from "../store/accounts.ts";
import type { Pull } from "../store/pulls.ts";
import { simpleUserOrNull } from "../wire/account.ts";
import { associationOf, pullToWire } from "../wire/pull.ts";
import { nodeId, timestamp } from "../wire/values.ts";
import { thePull } from "./pulls.ts";

type Review = {
  readonly id: number;
  readonly authorId: number;
  readonly state: "APPROVED" | "CHANGES_REQUESTED" | "COMMENTED";
  readonly body: string;
  readonly commitSha: string;
  readonly submittedAt: Date;
};
const columns = `id, author as "authorId", state, body, commit_sha as "commitSha", submitted_at as "submittedAt"`;
const stateOf = { APPROVE: "APPROVED", REQUEST_CHANGES: "CHANGES_REQUESTED", COMMENT: "COMMENTED" } as const;

const newReview = z.object({
  body: z.string().max(65536).default(""),
  event: z.enum(["APPROVE", "REQUEST_CHANGES", "COMMENT"]),
  commit_id: z.string().optional(),
});

export const reviewRoutes = [
  repositoryRoute("GET", "/pulls/:number/reviews", ["pull_requests:read"], async (call) => {
    const pull = await thePull(call);
    const page = pageOf(call);
    const reviews = await call.context.sql.query<Review>(
      `select ${columns} from reviews where repository = $1 and number = $2 order by id`,
      [call.repository.id, pull.number],
    );
    const shown = reviews.slice(page.offset, page.offset + page.size);
    const accounts = await readAccounts(
      call.context.sql,
      shown.map(({ authorId }) => authorId),
    );
    return pageAnswer(
      shown.map((review) => toWire(call, pull, review, accounts)),
      page,
      reviews.length,
    );
  }),
  repositoryRoute("POST", "/pulls/:number/reviews", ["pull_requests:write"], async (call) => {
    const { context, repository, caller } = call;
    const body = parseBody(call, "PullRequestReview", newReview);
    const pull = await thePull(call);
    const author = caller.account();
    if (author.id === pull.authorId && body.event !== "COMMENT")
      throw unprocessable(
        `Can not ${body.event === "APPROVE" ? "approve" : "request changes on"} your own pull request`,
      );
    if (body.event !== "APPROVE" && body.body === "") throw unprocessable("Body cannot be blank");
    if (body.commit_id !== undefined && (await call.git.typeOf(body.commit_id)) !== "commit")
      throw unprocessable("commit_id is not a commit of this repository");
    const accounts = await readAccounts(context.sql, [pull.authorId, author.id]);
    const review = await withEvents(context, async (sql, emit) => {
      const saved = await insert(sql, call, pull, author, body);
      const wire = { ...toWire(call, pull, saved, accounts), state: saved.state.toLowerCase() };
      const build = () => ({ review: wire, pull_request: pullToWire(context.urls, repository, pull, accounts) });
      await emit({ name: "pull_request_review", action: "submitted", repository, sender: author, build });
      return saved;
    });
    return { status: 200, body: toWire(call, pull, review, accounts) };
  }),
];

const insert = (sql: Sql, call: RepositoryCall, pull: Pull, author: Account, body: z.infer<typeof newReview>) =>
  sql.one<Review>(
    `insert into reviews (repository, number, author, state, body, commit_sha, submitted_at)
     values ($1, $2, $3, $4, $5, $6, $7) returning ${columns}`,
    [
      call.repository.id,
      pull.number,
      author.id,
      stateOf[body.event],
      body.body,
      body.commit_id ?? pull.headSha,
      now(call.context),
    ],
  );

function toWire(
  { context: { urls }, repository }: RepositoryCall,
  pull: Pull,
  review: Review,
  accounts: ReadonlyMap<number, Account>,
) {
  const html = `${urls.html(repository, `/pull/${pull.number}`)}#pullrequestreview-${review.id}`;
  const pullUrl = urls.repo(repository, `/pulls/${pull.number}`);
  const author = accounts.get(review.authorId);
  return {
    id: review.id,
    node_id: nodeId("PullRequestReview", review.id),
    user: simpleUserOrNull(urls, author),
    body: review.body,
    state: review.state,
    html_url: html,
    pull_request_url: pullUrl,
    author_association: associationOf(author),
    _links: { html: { href: html }, pull_request: { href: pullUrl } },
    submitted_at: timestamp(review.submittedAt),
    commit_id: review.commitSha,
  };
}

import { z } from "zod";
import type { Sql } from "../../../platform/sql/index.ts";
import { now } from "../context.ts";
import { withEvents } from "../events/emit.ts";
import { pageAnswer, pageOf } from "../http/page.ts";
import { forbidden, notFound } from "../http/refusal.ts";
import { idParam, parseBody, type RepositoryCall, repositoryRoute } from "../http/route.ts";
import { type Account, readAccounts } from "../store/accounts.ts";
import { type App, readApps } from "../store/apps.ts";
import { findPull, type Pull } from "../store/pulls.ts";
import { appToWire, simpleUser, simpleUserOrNull } from "../wire/account.ts";
import { associationOf } from "../wire/pull.ts";
import { nodeId, timestamp, timestampOrNull } from "../wire/values.ts";
import { thePull } from "./pulls.ts";

/** Comments in the conversation of a pull request. There are no other issues on this host. */
type Comment = {
  readonly id: number;
  readonly number: number;
  readonly authorId: number;
  readonly appId: number | null;
  readonly body: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
};
const columns = `id, number, author as "authorId", app as "appId", body, created_at as "createdAt", updated_at as "updatedAt"`;

const commentBody = z.object({ body: z.string().min(1).max(65536) });
const read = ["issues:read", "pull_requests:read"] as const;
const write = ["issues:write", "pull_requests:write"] as const;

export const commentRoutes = [
  repositoryRoute("GET", "/issues/comments/:id", read, async (call) => ({
    body: await toWire(call, await theComment(call)),
  })),
  repositoryRoute("PATCH", "/issues/comments/:id", write, async (call) => {
    const { body } = parseBody(call, "IssueComment", commentBody);
    const comment = await theComment(call);
    mayChange(call, comment);
    const updated = await withEvents(call.context, async (sql, emit) => {
      const saved = await sql.one<Comment>(
        `update comments set body = $2, updated_at = $3 where id = $1 returning ${columns}`,
        [comment.id, body, now(call.context)],
      );
      await emit(commentEvent(call, saved, "edited", { changes: { body: { from: comment.body } } }));
      return saved;
    });
    return { body: await toWire(call, updated) };
  }),
  repositoryRoute("DELETE", "/issues/comments/:id", write, async (call) => {
    const comment = await theComment(call);
    mayChange(call, comment);
    await withEvents(call.context, async (sql, emit) => {
      await emit(commentEvent(call, comment, "deleted"));
      await sql.query("delete from comments where id = $1", [comment.id]);
    });
    return {};
  }),
  repositoryRoute("GET", "/issues/:number/comments", read, async (call) => {
    const pull = await thePull(call);
    const page = pageOf(call);
    const since = Date.parse(call.query.get("since") ?? "");
    const comments = await call.context.sql.query<Comment>(
      `select ${columns} from comments
       where repository = $1 and number = $2 and ($3::timestamptz is null or updated_at >= $3) order by id`,
      [call.repository.id, pull.number, Number.isNaN(since) ? null : new Date(since)],
    );
    const shown = comments.slice(page.offset, page.offset + page.size);
    return pageAnswer(await Promise.all(shown.map((comment) => toWire(call, comment))), page, comments.length);
  }),
  repositoryRoute("POST", "/issues/:number/comments", write, async (call) => {
    const { body } = parseBody(call, "IssueComment", commentBody);
    const pull = await thePull(call);
    const comment = await withEvents(call.context, async (sql, emit) => {
      const saved = await sql.one<Comment>(
        `insert into comments (repository, number, author, app, body, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $6) returning ${columns}`,
        [call.repository.id, pull.number, call.caller.account().id, call.caller.appId(), body, now(call.context)],
      );
      await emit(commentEvent(call, saved, "created"));
      return saved;
    });
    const wire = await toWire(call, comment);
    return { status: 201, body: wire, headers: { Location: wire.url } };
  }),
];

async function theComment(call: RepositoryCall): Promise<Comment> {
  const found = await call.context.sql.maybe<Comment>(
    `select ${columns} from comments where repository = $1 and id = $2`,
    [call.repository.id, idParam(call, "id")],
  );
  if (found === undefined) throw notFound();
  return found;
}

/** One's own, or anybody's with the right to administer. */
function mayChange(call: RepositoryCall, comment: Comment): void {
  if (call.caller.account().id === comment.authorId || call.caller.may(call.repository, "administration:write")) return;
  throw forbidden("Must have admin rights to Repository.");
}

async function toWire(call: RepositoryCall, comment: Comment, sql: Sql = call.context.sql) {
  const { urls } = call.context;
  const apps = await readApps(sql, [comment.appId]);
  const app = comment.appId === null ? undefined : apps.get(comment.appId);
  const accounts = await readAccounts(sql, [comment.authorId, app?.ownerId ?? null]);
  const author = accounts.get(comment.authorId);
  return {
    id: comment.id,
    node_id: nodeId("IssueComment", comment.id),
    url: urls.repo(call.repository, `/issues/comments/${comment.id}`),
    html_url: `${urls.html(call.repository, `/pull/${comment.number}`)}#issuecomment-${comment.id}`,
    issue_url: urls.repo(call.repository, `/issues/${comment.number}`),
    body: comment.body,
    user: simpleUserOrNull(urls, author),
    created_at: timestamp(comment.createdAt),
    updated_at: timestamp(comment.updatedAt),
    author_association: associationOf(author),
    reactions: noReactions(urls.repo(call.repository, `/issues/comments/${comment.id}/reactions`)),
    performed_via_github_app: appOrNull(call, app, accounts),
  };
}

function appOrNull(call: RepositoryCall, app: App | undefined, accounts: ReadonlyMap<number, Account>) {
  const owner = app === undefined ? undefined : accounts.get(app.ownerId);
  return app === undefined || owner === undefined ? null : appToWire(call.context.urls, app, owner);
}

const noReactions = (url: string) => ({
  url,
  total_count: 0,
  ...{ "+1": 0, "-1": 0, laugh: 0, hooray: 0, confused: 0, heart: 0, rocket: 0, eyes: 0 },
});

function commentEvent(
  call: RepositoryCall,
  comment: Comment,
  action: "created" | "edited" | "deleted",
  extra: Record<string, unknown> = {},
) {
  const { repository, caller } = call;
  return {
    ...{ name: "issue_comment" as const, action, repository, sender: caller.account() },
    build: async (sql: Sql) => {
      const pull = await findPull(sql, repository.id, comment.number);
      if (pull === undefined) throw notFound();
      return { issue: await issueToWire(call, sql, pull), comment: await toWire(call, comment, sql), ...extra };
    },
  };
}

/** A pull request in its form as an issue, as events carry it. */
async function issueToWire({ context: { urls }, repository }: RepositoryCall, sql: Sql, pull: Pull) {
  const author = (await readAccounts(sql, [pull.authorId])).get(pull.authorId);
  const self = urls.repo(repository, `/issues/${pull.number}`);
  const html = urls.html(repository, `/pull/${pull.number}`);
  const { n } = await sql.one<{ n: number }>(
    "select count(*) as n from comments where repository = $1 and number = $2",
    [repository.id, pull.number],
  );
  return {
    url: self,
    repository_url: urls.repo(repository),
    labels_url: `${self}/labels{/name}`,
    comments_url: `${self}/comments`,
    events_url: `${self}/events`,
    timeline_url: `${self}/timeline`,
    html_url: html,
    id: pull.id,
    node_id: nodeId("PullRequest", pull.id),
    number: pull.number,
    title: pull.title,
    user: author === undefined ? null : simpleUser(urls, author),
    labels: [],
    state: pull.state,
    locked: false,
    assignee: null,
    assignees: [],
    milestone: null,
    comments: n,
    created_at: timestamp(pull.createdAt),
    updated_at: timestamp(pull.updatedAt),
    closed_at: timestampOrNull(pull.closedAt),
    author_association: associationOf(author),
    active_lock_reason: null,
    draft: pull.draft,
    pull_request: {
      url: urls.repo(repository, `/pulls/${pull.number}`),
      html_url: html,
      diff_url: `${html}.diff`,
      patch_url: `${html}.patch`,
      merged_at: timestampOrNull(pull.mergedAt),
    },
    body: pull.body,
    reactions: noReactions(`${self}/reactions`),
    performed_via_github_app: null,
    state_reason: null,
  };
}

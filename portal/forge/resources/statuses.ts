import { z } from "zod";
import type { Sql } from "../../../platform/sql/index.ts";
import { now } from "../context.ts";
import { withEvents } from "../events/emit.ts";
import { pageAnswer, pageOf } from "../http/page.ts";
import { invalid, notFound, unprocessable } from "../http/refusal.ts";
import { param, parseBody, type RepositoryCall, repositoryRoute } from "../http/route.ts";
import { type Account, readAccounts, readAuthors } from "../store/accounts.ts";
import { simpleUserOrNull } from "../wire/account.ts";
import { commitToWire } from "../wire/commit.ts";
import { repositoryToWire } from "../wire/repository.ts";
import { nodeId, timestamp } from "../wire/values.ts";
import { resolveCommit } from "./contents.ts";

type Status = {
  readonly id: number;
  readonly sha: string;
  readonly context: string;
  readonly state: "error" | "failure" | "pending" | "success";
  readonly description: string | null;
  readonly targetUrl: string | null;
  readonly creatorId: number;
  readonly createdAt: Date;
};
const columns = `id, sha, context, state, description, target_url as "targetUrl", creator as "creatorId",
  created_at as "createdAt"`;

const newStatus = z.object({
  state: z.enum(["error", "failure", "pending", "success"]),
  target_url: z.union([z.url({ protocol: /^https?$/ }), z.literal("")]).nullish(),
  description: z.string().max(140).nullish(),
  context: z.string().min(1).max(255).default("default"),
});

export const statusRoutes = [
  repositoryRoute("POST", "/statuses/:sha", ["statuses:write"], async (call) => {
    const { context, repository, caller } = call;
    const body = parseBody(call, "Status", newStatus);
    const sha = param(call, "sha");
    if (!/^[0-9a-f]{40}$/.test(sha) || (await call.git.typeOf(sha)) !== "commit")
      throw unprocessable(`No commit found for SHA: ${sha}`);
    const status = await withEvents(context, async (sql, emit) => {
      const { n } = await sql.one<{ n: number }>(
        "select count(*) as n from statuses where repository = $1 and sha = $2 and context = $3",
        [repository.id, sha, body.context],
      );
      if (n >= 1000)
        throw invalid(
          "Status",
          "context",
          "custom",
          "This SHA and context has reached the maximum number of statuses.",
        );
      const saved = await sql.one<Status>(
        `insert into statuses (repository, sha, context, state, description, target_url, creator, app, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9) returning ${columns}`,
        [
          repository.id,
          sha,
          body.context,
          body.state,
          body.description ?? null,
          body.target_url || null,
          caller.account().id,
          caller.appId(),
          now(context),
        ],
      );
      const sender = caller.account();
      await emit({ name: "status", action: null, repository, sender, build: (tx) => statusPayload(call, tx, saved) });
      return saved;
    });
    const accounts = await readAccounts(context.sql, [status.creatorId]);
    const wire = toWire(call, status, accounts);
    return { status: 201, body: wire, headers: { Location: wire.url } };
  }),
  repositoryRoute("GET", "/commits/*ref/statuses", ["statuses:read"], async (call) => {
    const sha = await theCommit(call);
    const page = pageOf(call);
    const rows = await call.context.sql.query<Status & { readonly total: number }>(
      `select ${columns}, count(*) over () as total from statuses where repository = $1 and sha = $2
       order by id desc limit $3 offset $4`,
      [call.repository.id, sha, page.size, page.offset],
    );
    const accounts = await readAccounts(
      call.context.sql,
      rows.map(({ creatorId }) => creatorId),
    );
    return pageAnswer(
      rows.map((status) => toWire(call, status, accounts)),
      page,
      rows[0]?.total ?? 0,
    );
  }),
  repositoryRoute("GET", "/commits/*ref/status", ["statuses:read"], combined),
];

export async function theCommit(call: RepositoryCall): Promise<string> {
  const ref = param(call, "ref");
  const sha = await resolveCommit(call, ref);
  if (sha !== undefined) return sha;
  throw /^[0-9a-f]{40}$/.test(ref) ? unprocessable(`No commit found for SHA: ${ref}`) : notFound();
}

/** The newest status of each context, and what they say together. */
async function combined(call: RepositoryCall) {
  const { context, repository } = call;
  const sha = await theCommit(call);
  const page = pageOf(call);
  const newest = await context.sql.query<Status>(
    `select distinct on (context) ${columns} from statuses where repository = $1 and sha = $2 order by context, id desc`,
    [repository.id, sha],
  );
  const shown = [...newest].sort((a, b) => a.id - b.id).slice(page.offset, page.offset + page.size);
  const accounts = await readAccounts(
    context.sql,
    shown.map(({ creatorId }) => creatorId),
  );
  const states = new Set(newest.map(({ state }) => state));
  const state =
    states.has("failure") || states.has("error")
      ? "failure"
      : states.has("pending") || states.size === 0
        ? "pending"
        : "success";
  const body = {
    state,
    statuses: shown.map((status) => {
      const { creator: _, ...simple } = toWire(call, status, accounts);
      return simple;
    }),
    sha,
    total_count: newest.length,
    repository: repositoryToWire(context.urls, repository, call.caller),
    commit_url: context.urls.repo(repository, `/commits/${sha}`),
    url: context.urls.repo(repository, `/commits/${sha}/status`),
  };
  return pageAnswer(body, page, newest.length);
}

function toWire(
  { context: { urls }, repository }: RepositoryCall,
  status: Status,
  accounts: ReadonlyMap<number, Account>,
) {
  const creator = accounts.get(status.creatorId);
  const wire = simpleUserOrNull(urls, creator);
  return {
    url: urls.repo(repository, `/statuses/${status.sha}`),
    avatar_url: wire?.avatar_url ?? null,
    id: status.id,
    node_id: nodeId("Status", status.id),
    state: status.state,
    description: status.description,
    target_url: status.targetUrl,
    context: status.context,
    created_at: timestamp(status.createdAt),
    updated_at: timestamp(status.createdAt),
    creator: wire,
  };
}

async function statusPayload(call: RepositoryCall, sql: Sql, status: Status) {
  const { context, repository, git } = call;
  const commit = await git.commit(status.sha);
  if (commit === undefined) throw notFound();
  const authors = await readAuthors(sql, [commit.author.email, commit.committer.email]);
  const creator = simpleUserOrNull(context.urls, call.caller.account());
  const heads = (await git.forEachRef("refs/heads/")).filter(({ hash }) => hash === status.sha).slice(0, 10);
  return {
    id: status.id,
    sha: status.sha,
    name: `${repository.owner.login}/${repository.name}`,
    target_url: status.targetUrl,
    avatar_url: creator?.avatar_url ?? null,
    context: status.context,
    description: status.description,
    state: status.state,
    commit: commitToWire(context.urls, repository, commit, authors),
    branches: heads.map(({ name, hash }) => ({
      name: name.slice("refs/heads/".length),
      commit: { sha: hash, url: context.urls.repo(repository, `/commits/${hash}`) },
      protected: false,
    })),
    created_at: timestamp(status.createdAt),
    updated_at: timestamp(status.createdAt),
  };
}

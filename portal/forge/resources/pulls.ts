import { z } from "zod";
import { now } from "../context.ts";
import { withEvents } from "../events/emit.ts";
import { type PullAction, pullEvent } from "../events/pull-event.ts";
import { pageAnswer, pageOf, slicePage } from "../http/page.ts";
import { invalid, notFound, unprocessable } from "../http/refusal.ts";
import { idParam, parseBody, type RepositoryCall, repositoryRoute } from "../http/route.ts";
import { baseTip, pullCommits, pullDetails, pullFiles } from "../rules/mergeability.ts";
import { readAccounts } from "../store/accounts.ts";
import { findPull, insertPull, listPulls, type Pull, type PullChanges, updatePull } from "../store/pulls.ts";
import { nextNumber } from "../store/repositories.ts";
import { fileToWire } from "../wire/commit.ts";
import { fullPullToWire, pullToWire } from "../wire/pull.ts";
import { commitsToWire, patchAnswer } from "./commits.ts";

const newPull = z.object({
  title: z.string().trim().min(1).max(1024),
  head: z.string().min(1),
  base: z.string().min(1),
  body: z.string().max(65536).nullish(),
  draft: z.boolean().default(false),
  maintainer_can_modify: z.boolean().optional(),
});
const changes = z.object({
  title: z.string().trim().min(1).max(1024).optional(),
  body: z.string().max(65536).nullish(),
  state: z.enum(["open", "closed"]).optional(),
  base: z.string().min(1).optional(),
  maintainer_can_modify: z.boolean().optional(),
});

export const pullRoutes = [
  repositoryRoute("POST", "/pulls", ["pull_requests:write"], createPull),
  repositoryRoute("GET", "/pulls", ["pull_requests:read"], async (call) => {
    const { context, repository, query } = call;
    const page = pageOf(call);
    const one = <const T extends string>(name: string, options: readonly T[], fallback: T): T =>
      options.find((option) => option === query.get(name)) ?? fallback;
    const sort = one("sort", ["created", "updated", "popularity", "long-running"], "created");
    const head = query.get("head");
    const [owner, branch] = head?.includes(":") ? head.split(":", 2) : [repository.owner.login, head];
    if (owner?.toLowerCase() !== repository.owner.login.toLowerCase()) return pageAnswer([], page, 0);
    const filter = {
      state: one("state", ["open", "closed", "all"], "open"),
      head: branch || null,
      base: query.get("base") || null,
      sort: sort === "updated" ? "updated" : "created",
      direction: one("direction", ["asc", "desc"], query.get("sort") === null || sort === "created" ? "desc" : "asc"),
    } as const;
    const { pulls, total } = await listPulls(context.sql, repository.id, filter, page.size, page.offset);
    const accounts = await readAccounts(
      context.sql,
      pulls.map(({ authorId }) => authorId),
    );
    return pageAnswer(
      pulls.map((pull) => pullToWire(context.urls, repository, pull, accounts)),
      page,
      total,
    );
  }),
  repositoryRoute("GET", "/pulls/:number", ["pull_requests:read"], async (call) => {
    const pull = await thePull(call);
    if (call.media === "diff" || call.media === "patch") {
      const base = await baseTip(call.git, pull);
      return patchAnswer(call, (await call.git.mergeBase(base, pull.headSha)) ?? null, pull.headSha);
    }
    return { body: await fullWire(call, pull) };
  }),
  repositoryRoute("PATCH", "/pulls/:number", ["pull_requests:write"], changePull),
  repositoryRoute("GET", "/pulls/:number/files", ["pull_requests:read"], async (call) => {
    const pull = await thePull(call);
    const page = pageOf(call);
    const files = (await pullFiles(call.git, pull)).slice(0, 3000);
    const items = slicePage(files, page).map((file) =>
      fileToWire(call.context.urls, call.repository, pull.headSha, file),
    );
    return pageAnswer(items, page, files.length);
  }),
  repositoryRoute("GET", "/pulls/:number/commits", ["pull_requests:read"], async (call) => {
    const page = pageOf(call);
    const hashes = (await pullCommits(call.git, await thePull(call))).slice(0, 250);
    return pageAnswer(await commitsToWire(call, slicePage(hashes, page)), page, hashes.length);
  }),
];

export async function thePull(call: RepositoryCall): Promise<Pull> {
  const pull = await findPull(call.context.sql, call.repository.id, idParam(call, "number"));
  if (pull === undefined) throw notFound();
  return pull;
}

export async function fullWire(call: RepositoryCall, pull: Pull) {
  const { context, repository } = call;
  const [accounts, details] = await Promise.all([
    readAccounts(context.sql, [pull.authorId, pull.mergedById]),
    pullDetails(context, context.sql, repository, pull),
  ]);
  return fullPullToWire(context.urls, repository, pull, accounts, details);
}

async function createPull(call: RepositoryCall) {
  const { context, repository, git, caller } = call;
  const body = parseBody(call, "PullRequest", newPull);
  const headRef = ownBranch(call, body.head);
  const [base, head] = await Promise.all([
    git.revParse(`refs/heads/${body.base}`),
    headRef === undefined ? undefined : git.revParse(`refs/heads/${headRef}`),
  ]);
  if (base === undefined) throw invalid("PullRequest", "base", "invalid");
  if (head === undefined || headRef === undefined) throw invalid("PullRequest", "head", "invalid");
  if ((await git.mergeBase(base, head)) === undefined)
    throw unprocessable(`The ${headRef} branch has no history in common with ${body.base}`);
  if (await git.isAncestor(head, base))
    throw invalid("PullRequest", "head", "custom", `No commits between ${body.base} and ${headRef}`);
  const author = caller.account();
  const pull = await context.repositories.exclusive(repository, () =>
    withEvents(context, async (sql, emit) => {
      const created = await insertPull(sql, {
        ...{ repository: repository.id, number: await nextNumber(sql, repository.id), authorId: author.id },
        ...{ title: body.title, body: body.body ?? null, draft: body.draft, createdAt: now(context) },
        ...{ baseRef: body.base, baseSha: base, headRef, headSha: head },
      });
      if (created === undefined)
        throw invalid(
          "PullRequest",
          "head",
          "custom",
          `A pull request already exists for ${repository.owner.login}:${headRef}.`,
        );
      await git.updateRef(`refs/pull/${created.number}/head`, head);
      await emit(pullEvent(context, repository, created, author, "opened"));
      return created;
    }),
  );
  const wire = await fullWire(call, pull);
  return { status: 201, body: wire, headers: { Location: wire.url } };
}

/** `branch` or `owner:branch`; undefined when it names a fork, which this host does not have. */
function ownBranch({ repository }: RepositoryCall, head: string): string | undefined {
  const [owner, branch] = head.includes(":") ? head.split(":", 2) : [repository.owner.login, head];
  return owner?.toLowerCase() === repository.owner.login.toLowerCase() ? branch : undefined;
}

async function changePull(call: RepositoryCall) {
  const { context, repository, git, caller } = call;
  const body = parseBody(call, "PullRequest", changes);
  const pull = await thePull(call);
  const wanted: { -readonly [K in keyof PullChanges]: PullChanges[K] } = {};
  const edits: Record<string, { from: unknown }> = {};
  if (body.title !== undefined && body.title !== pull.title) {
    wanted.title = body.title;
    edits.title = { from: pull.title };
  }
  if (body.body !== undefined && (body.body ?? null) !== pull.body) {
    wanted.body = body.body ?? null;
    edits.body = { from: pull.body };
  }
  if (body.base !== undefined && body.base !== pull.baseRef) {
    const base = await git.revParse(`refs/heads/${body.base}`);
    if (base === undefined || pull.state !== "open") throw invalid("PullRequest", "base", "invalid");
    wanted.baseRef = body.base;
    wanted.baseSha = base;
    edits.base = { from: { ref: pull.baseRef, sha: pull.baseSha } };
  }
  const action =
    body.state === undefined || body.state === pull.state
      ? undefined
      : await stateChange(call, pull, body.state, wanted);
  const updated = await context.repositories.exclusive(repository, () =>
    withEvents(context, async (sql, emit) => {
      const saved = Object.keys(wanted).length === 0 ? pull : await updatePull(sql, pull.id, wanted, now(context));
      if (Object.keys(edits).length > 0)
        await emit(pullEvent(context, repository, saved, caller.account(), "edited", { changes: edits }));
      if (action !== undefined) await emit(pullEvent(context, repository, saved, caller.account(), action));
      return saved;
    }),
  );
  return { body: await fullWire(call, updated) };
}

async function stateChange(
  call: RepositoryCall,
  pull: Pull,
  state: "open" | "closed",
  wanted: { -readonly [K in keyof PullChanges]: PullChanges[K] },
): Promise<PullAction> {
  wanted.state = state;
  if (state === "closed") {
    wanted.closedAt = now(call.context);
    return "closed";
  }
  if (pull.mergedAt !== null)
    throw invalid("PullRequest", "state", "invalid", "A merged pull request cannot be reopened.");
  const [head, base] = await Promise.all([
    call.git.revParse(`refs/heads/${pull.headRef}`),
    call.git.revParse(`refs/heads/${pull.baseRef}`),
  ]);
  if (head === undefined || base === undefined || (await call.git.isAncestor(head, base)))
    throw invalid(
      "PullRequest",
      "state",
      "invalid",
      "The branch was deleted or has no commits that are not in the base.",
    );
  Object.assign(wanted, { closedAt: null, headSha: head, baseSha: base });
  await call.git.updateRef(`refs/pull/${pull.number}/head`, head);
  return "reopened";
}

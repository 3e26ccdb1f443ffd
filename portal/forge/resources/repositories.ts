import { z } from "zod";
import { type Context, now } from "../context.ts";
import { isRepositoryName } from "../git/repositories.ts";
import { Caller } from "../http/caller.ts";
import { pageAnswer, pageOf, slicePage } from "../http/page.ts";
import { forbidden, invalid, notFound, requiresAuthentication, unprocessable } from "../http/refusal.ts";
import { type Call, param, parseBody, repositoryRoute, route } from "../http/route.ts";
import { writeSnapshot } from "../rules/commit-files.ts";
import { type Account, findAccount } from "../store/accounts.ts";
import { insertRepository, listRepositories, type Repository } from "../store/repositories.ts";
import { fullUser } from "../wire/account.ts";
import { fullRepositoryToWire, repositoryToWire } from "../wire/repository.ts";

const newRepository = z.object({
  name: z.string(),
  description: z.string().nullish(),
  private: z.boolean().default(false),
  visibility: z.enum(["public", "private"]).optional(),
  auto_init: z.boolean().default(false),
  default_branch: z.string().optional(),
});

export const repositoryRoutes = [
  route("GET", "/user", async ({ context, caller }) => {
    if (caller.identity.kind === "anonymous") throw requiresAuthentication();
    if (caller.identity.kind !== "user") throw forbidden("Resource not accessible by integration");
    return { body: fullUser(context.urls, caller.account(), 0) };
  }),
  route("GET", "/users/:user", async (call) => {
    const account = await findAccount(call.context.sql, param(call, "user"));
    if (account === undefined) throw notFound();
    return { body: fullUser(call.context.urls, account, 0) };
  }),
  route("GET", "/orgs/:org/repos", async (call) => {
    const owner = await findAccount(call.context.sql, param(call, "org"));
    if (owner?.type !== "Organization") throw notFound();
    return listAnswer(call, await listRepositories(call.context.sql, owner.id, null));
  }),
  route("GET", "/user/repos", async (call) => {
    const { owner, repositories } = call.caller.grant();
    return listAnswer(call, await listRepositories(call.context.sql, owner, repositories));
  }),
  route("POST", "/orgs/:org/repos", async (call) => {
    const owner = await findAccount(call.context.sql, param(call, "org"));
    if (owner?.type !== "Organization") throw notFound();
    return create(call, owner);
  }),
  repositoryRoute("GET", "", ["metadata:read"], async ({ context, caller, repository }) => ({
    body: fullRepositoryToWire(context.urls, repository, caller),
  })),
];

function listAnswer(call: Call, repositories: readonly Repository[]) {
  const page = pageOf(call);
  const visible = repositories.filter((repository) => call.caller.sees(repository));
  const items = slicePage(visible, page).map((one) => repositoryToWire(call.context.urls, one, call.caller));
  return pageAnswer(items, page, visible.length);
}

async function create(call: Call, owner: Account) {
  const { context, caller } = call;
  const grant = caller.grant();
  if (grant.owner !== owner.id || grant.repositories !== null) throw notFound();
  if (grant.permissions.administration !== "write") throw forbidden("Resource not accessible by personal access token");
  const wanted = parseBody(call, "Repository", newRepository);
  const repository = await createRepository(context, owner, {
    name: wanted.name,
    description: wanted.description ?? null,
    private: wanted.visibility === undefined ? wanted.private : wanted.visibility === "private",
    defaultBranch: "main",
  });
  if (repository === undefined) throw invalid("Repository", "name", "custom", "name already exists on this account");
  if (wanted.auto_init) {
    const files = new Map([["README.md", `# ${repository.name}\n`]]);
    await writeSnapshot(context, repository, { files, message: "Initial commit", author: caller.account() });
  }
  const body = fullRepositoryToWire(context.urls, repository, new Caller(caller.identity));
  return { status: 201, body, headers: { Location: context.urls.repo(repository) } };
}

/** Row and folder; undefined when the name is taken. The folder comes first: a row without one would be a lie. */
export async function createRepository(
  context: Context,
  owner: Account,
  wanted: { name: string; description: string | null; private: boolean; defaultBranch: string },
): Promise<Repository | undefined> {
  if (!isRepositoryName(wanted.name)) throw unprocessable("Repository creation failed: name is not valid");
  return context.sql.tx(async (sql) => {
    const repository = await insertRepository(sql, { owner: owner.id, ...wanted, at: now(context) });
    if (repository !== undefined) await context.repositories.create(repository);
    return repository;
  });
}

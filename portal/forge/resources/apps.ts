import { z } from "zod";
import { type Context, now } from "../context.ts";
import { type PermissionName, type Permissions, permissionNames } from "../http/caller.ts";
import { pageAnswer, pageOf, slicePage } from "../http/page.ts";
import { forbidden, notFound, Refusal, unprocessable } from "../http/refusal.ts";
import { type Call, idParam, param, parseBody, route } from "../http/route.ts";
import { findAccount, readAccounts } from "../store/accounts.ts";
import type { App, Installation } from "../store/apps.ts";
import { listRepositories } from "../store/repositories.ts";
import { insertToken, makeToken, revokeToken } from "../store/tokens.ts";
import { appToWire, installationToWire, permissionsToWire } from "../wire/account.ts";
import { repositoryToWire } from "../wire/repository.ts";

const tokenBody = z.object({
  repositories: z.array(z.string()).max(500).optional(),
  repository_ids: z.array(z.number().int()).max(500).optional(),
  permissions: z.partialRecord(z.enum(permissionNames), z.enum(["read", "write"])).optional(),
});

/** What an App does as itself (JWT), and what only an installation token may ask. */
export const appRoutes = [
  route("GET", "/app", async (call) => ({ body: await theAppWire(call.context, theApp(call).app) })),
  route("GET", "/app/installations", async (call) => {
    const { app, installations } = theApp(call);
    const page = pageOf(call);
    const wires = await Promise.all(slicePage(installations, page).map((one) => toWire(call, app, one)));
    return pageAnswer(wires, page, installations.length);
  }),
  route("GET", "/app/installations/:id", async (call) =>
    installationAnswer(call, (one) => one.id === idParam(call, "id")),
  ),
  route("GET", "/repos/:owner/:repo/installation", async (call) => {
    const repository = await call.context.repositories.find(param(call, "owner"), param(call, "repo"));
    return installationAnswer(call, (one) => one.accountId === repository?.owner.id);
  }),
  route("GET", "/orgs/:org/installation", async (call) => {
    const account = await findAccount(call.context.sql, param(call, "org"));
    return installationAnswer(call, (one) => one.accountId === account?.id);
  }),
  route("POST", "/app/installations/:id/access_tokens", createToken),
  route("GET", "/installation/repositories", async (call) => {
    const { owner, repositories } = installationGrant(call);
    const page = pageOf(call);
    const all = await listRepositories(call.context.sql, owner, repositories);
    const shown = slicePage(all, page).map((one) => repositoryToWire(call.context.urls, one, call.caller));
    const selection = repositories === null ? "all" : "selected";
    return pageAnswer(
      { total_count: all.length, repository_selection: selection, repositories: shown },
      page,
      all.length,
    );
  }),
  route("DELETE", "/installation/token", async (call) => {
    installationGrant(call);
    await revokeToken(call.context.sql, call.credential, now(call.context));
    return {};
  }),
];

function theApp({ caller }: Call): { app: App; installations: readonly Installation[] } {
  if (caller.identity.kind === "app") return caller.identity;
  throw new Refusal(401, "A JSON web token could not be decoded");
}

function installationGrant({ caller }: Call) {
  if (caller.identity.kind === "installation") return caller.identity;
  throw forbidden("You must authenticate with an installation access token in order to do this.");
}

async function installationAnswer(call: Call, wanted: (installation: Installation) => boolean) {
  const { app, installations } = theApp(call);
  const found = installations.find(wanted);
  if (found === undefined) throw notFound();
  return { body: await toWire(call, app, found) };
}

async function toWire({ context }: Call, app: App, installation: Installation) {
  const account = (await readAccounts(context.sql, [installation.accountId])).get(installation.accountId);
  if (account === undefined) throw notFound();
  return installationToWire(context.urls, installation, app, account);
}

async function theAppWire(context: Context, app: App) {
  const owner = (await readAccounts(context.sql, [app.ownerId])).get(app.ownerId);
  if (owner === undefined) throw notFound();
  return appToWire(context.urls, app, owner);
}

/** An hour's token, at most as able as the app. */
async function createToken(call: Call) {
  const { context } = call;
  const { app, installations } = theApp(call);
  const installation = installations.find((one) => one.id === idParam(call, "id"));
  if (installation === undefined) throw notFound();
  const body = parseBody(call, "IntegrationInstallation", tokenBody);
  const permissions = body.permissions === undefined ? app.permissions : narrowed(app.permissions, body.permissions);
  const all = await listRepositories(context.sql, installation.accountId, null);
  const isSelected = body.repositories !== undefined || body.repository_ids !== undefined;
  const selected = all.filter(({ id, name }) => body.repository_ids?.includes(id) || body.repositories?.includes(name));
  const asked = (body.repositories?.length ?? 0) + (body.repository_ids?.length ?? 0);
  if (isSelected && selected.length !== asked)
    throw unprocessable(
      "There is at least one repository that does not exist or is not accessible to the parent installation.",
    );
  const token = makeToken("ghs");
  const at = now(context);
  const expiresAt = new Date(at.getTime() + 3_600_000);
  await insertToken(context.sql, token, {
    ...{ name: app.slug, accountId: app.botId, installation: installation.id, owner: installation.accountId },
    ...{ repositories: isSelected ? selected.map(({ id }) => id) : null, permissions, at, expiresAt },
  });
  return {
    status: 201,
    body: {
      token: token.reveal(),
      expires_at: expiresAt.toISOString().replace(/\.\d+Z$/, "Z"),
      permissions: permissionsToWire(permissions),
      repository_selection: isSelected ? "selected" : "all",
      ...(isSelected ? { repositories: selected.map((one) => repositoryToWire(context.urls, one)) } : {}),
    },
  };
}

function narrowed(held: Permissions, asked: Partial<Record<PermissionName, "read" | "write">>): Permissions {
  for (const [name, level] of Object.entries(asked) as [PermissionName, "read" | "write"][])
    if (held[name] !== "write" && held[name] !== level)
      throw unprocessable("The permissions requested are not granted to this installation.");
  return asked;
}

/**
 * The first start of an installation, and every later one: its own repository, its App, hook and protection, the ledger's row, and the
 * tokens to begin with. It can be killed anywhere and repeated: every step looks before it makes.
 */
import { randomBytes } from "node:crypto";
import { newId, Secret } from "../../platform/core/index.ts";
import { hookEvents, requiredContexts } from "../../platform/github/index.ts";
import { findRepository, putHook, putRepository, putSetting, repositoryContext } from "../../platform/store/index.ts";
import type { Permissions } from "../forge/index.ts";
import { ensureAdministrator, ensureGitToken } from "./first-tokens.ts";
import { home, type InstallParts } from "./parts.ts";
import { ensureSeeded } from "./seed.ts";

/** What docs/github.md asks for on GitHub too; protecting the branch is done here, from inside. */
const appGrant: Permissions = {
  ...{ metadata: "read", contents: "write", pull_requests: "write", statuses: "write", checks: "write" },
  ...{ deployments: "write", repository_hooks: "write", administration: "read" },
};

/** The installation's own repository, its App, hook and protection, the ledger's row and the first tokens. */
export async function install(parts: InstallParts): Promise<Secret | undefined> {
  const { sql, forge, vault } = parts;
  const { bootstrap } = forge;
  const known = await findRepository(sql, home.owner, home.name);
  const id = known?.id ?? newId("repo");
  const open = (field: "bot-token" | "hook-secret", sealed: string | null | undefined) =>
    sealed == null ? undefined : vault.open(sealed, repositoryContext(id, field));
  const seal = (field: "bot-token" | "hook-secret" | "app-key", plain: Secret) =>
    vault.seal(plain, repositoryContext(id, field));
  await bootstrap.ensureOrganisation({ login: home.owner, name: "NebulaDB" });
  await ensureSeeded(parts);
  const app = await bootstrap.ensureApp({
    ...{ owner: home.owner, name: "nebuladb", newKey: known?.appKeySealed == null },
    permissions: appGrant,
  });
  await bootstrap.ensureUser({ login: "nebula-portal", name: "NebulaDB portal" });
  const botToken = await bootstrap.ensureToken({
    login: "nebula-portal",
    owner: home.owner,
    permissions: { contents: "write", pull_requests: "write", issues: "write", statuses: "read", checks: "read" },
    current: open("bot-token", known?.botTokenSealed),
  });
  const hookSecret = open("hook-secret", known?.hookSecretSealed) ?? new Secret(randomBytes(32).toString("base64url"));
  const hook = await bootstrap.ensureHook({
    ...{ owner: home.owner, repository: home.name, url: parts.hookUrl, secret: hookSecret, events: [...hookEvents] },
    formerly: /^http:\/\/127\.0\.0\.1:\d+\/hooks\/github$/, // of a start with another port
  });
  await bootstrap.ensureProtection({
    owner: home.owner,
    repository: home.name,
    branch: "main",
    checks: requiredContexts.map((context) => ({ context, appId: app.appId })),
  });
  await putRepository(sql, {
    id,
    ...home,
    defaultBranch: "main",
    apiUrl: `${forge.url()}/api/v3`,
    gitUrl: `${forge.url()}/${home.owner}/${home.name}.git`,
    appId: app.appId,
    appKeySealed: app.privateKey === undefined ? (known?.appKeySealed ?? null) : seal("app-key", app.privateKey),
    installationId: app.installationId,
    hookSecretSealed: seal("hook-secret", hookSecret),
    botTokenSealed: seal("bot-token", botToken),
  });
  await putHook(sql, id, { hookId: hook.id, hookUrl: parts.hookUrl });
  // Whoever pushes with this installation's own token may change everything: a review asks for it (reconciler/review/author.ts).
  await putSetting(sql, "forge.administrators", { [id]: ["admin"] });
  await ensureGitToken(parts);
  return ensureAdministrator(parts);
}

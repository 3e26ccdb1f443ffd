import type { Secret } from "../../platform/core/index.ts";
import { issueToken } from "../../platform/identity/index.ts";
import { getSetting, putSetting } from "../../platform/store/index.ts";
import { home, type InstallParts } from "./parts.ts";
import { writeSecret } from "./write-secret.ts";

/** What a person pushes with: user `admin`, kept in <data>/secrets/git-token. */
export async function ensureGitToken({ sql, forge, vault, data }: InstallParts): Promise<void> {
  const context = "forge:git-token";
  const kept = await getSetting(sql, context);
  await forge.bootstrap.ensureUser({ login: "admin", name: "Administrator" });
  const token = await forge.bootstrap.ensureToken({
    login: "admin",
    owner: home.owner,
    permissions: { contents: "write", pull_requests: "write", issues: "write", statuses: "read", checks: "read" },
    current: typeof kept === "string" ? vault.open(kept, context) : undefined,
  });
  writeSecret(data, "git-token", token);
  await putSetting(sql, context, vault.seal(token, context));
}

/** The first administrator's token: on disk before it is in force, so that a crash cannot lose the only way in. */
export const ensureAdministrator = ({ sql, data }: InstallParts): Promise<Secret | undefined> =>
  sql.tx(async (tx) => {
    if ((await getSetting(tx, "administrator")) !== undefined) return undefined;
    const grant = { name: "first administrator", user: "admin", tenant: null, project: null, expiresAt: null };
    const { text: token, row } = await issueToken(tx, null, { ...grant, role: "platform-admin" });
    writeSecret(data, "admin-token", token);
    await putSetting(tx, "administrator", { token: row.id });
    return token;
  });

import type { Secret } from "../../../platform/core/index.ts";
import type { Permissions } from "../../../portal/forge/index.ts";
import { type TestForge, testForge } from "../../harness/forge.ts";
import type { ForgeTarget } from "./target.ts";

/** Somebody who may do everything. */
const everything: Permissions = {
  administration: "write",
  checks: "write",
  contents: "write",
  deployments: "write",
  issues: "write",
  pull_requests: "write",
  repository_hooks: "write",
  statuses: "write",
  workflows: "write",
};

export async function embeddedTarget(): Promise<{ forge: TestForge; target: ForgeTarget }> {
  const forge = await testForge();
  const { bootstrap } = forge.forge;
  await bootstrap.ensureOrganisation({ login: "conformance", name: "Conformance" });
  await bootstrap.ensureOrganisation({ login: "elsewhere" });
  for (const login of ["ada", "grace", "rita", "sam"])
    await bootstrap.ensureUser({
      login,
      name: login[0]?.toUpperCase() + login.slice(1),
      email: `${login}@example.com`,
    });
  const { appId, installationId, privateKey } = await bootstrap.ensureApp({
    owner: "conformance",
    name: "Conformance App",
  });
  const token = (login: string, permissions: Permissions, owner = "conformance"): Promise<Secret> =>
    bootstrap.makeToken({ login, owner, permissions });
  if (privateKey === undefined) throw new Error("a new app has a private key");
  const target: ForgeTarget = {
    name: "the embedded forge",
    apiUrl: forge.apiUrl,
    gitUrl: forge.url,
    owner: "conformance",
    tokens: {
      admin: await token("ada", everything),
      reviewer: await token("grace", { contents: "write", pull_requests: "write", statuses: "write" }),
      reader: await token("rita", { contents: "read", pull_requests: "read", statuses: "read", metadata: "read" }),
      stranger: await token("sam", everything, "elsewhere"),
    },
    app: { id: appId, installationId, privateKey },
    cannot: {},
  };
  return { forge, target };
}

/** A portal whose tenant repository stands on an embedded forge. */
import { type GitHub, makeGitHub } from "../../platform/github/index.ts";
import { testForge } from "../harness/forge.ts";
import { startPortal, type TestPortal } from "./harness.ts";

export type HostedPortal = {
  readonly portal: TestPortal;
  readonly host: GitHub;
  /** Of the seed. */
  readonly commit: string;
  /** Opens a pull request that writes these files. */
  open(branch: string, files: Readonly<Record<string, string>>): Promise<number>;
  close(): Promise<void>;
};

export async function startHostedPortal(
  seedFiles: ReadonlyMap<string, string>,
  options: Parameters<typeof startPortal>[0] = {},
): Promise<HostedPortal> {
  const forge = await testForge();
  const { bootstrap } = forge.forge;
  await bootstrap.ensureOrganisation({ login: "nebula" });
  await bootstrap.ensureUser({ login: "bot" });
  const repository = { owner: "nebula", name: "tenants" };
  const { commit = "" } = await bootstrap.ensureRepository({ ...repository, seedFiles });
  const token = await bootstrap.makeToken({
    login: "bot",
    owner: "nebula",
    permissions: { contents: "write", pull_requests: "write", statuses: "write" },
  });
  const host = makeGitHub({ apiUrl: forge.apiUrl, repository, auth: { kind: "token", token } });
  const portal = await startPortal({ ...options, hostOf: () => host });
  await portal.sql.query(
    `insert into repositories (id, owner, name, api_url, git_url, hook_secret_sealed, bot_token_sealed)
     values ('repo_1', 'nebula', 'tenants', $1, $2, 'x', 'x')`,
    [forge.apiUrl, forge.url],
  );
  return {
    portal,
    host,
    commit,
    async open(branch, files) {
      const changes = Object.entries(files).map(([path, content]) => ({ path, content }));
      const { sha } = await host.commitFiles({ parent: commit, message: branch, changes });
      await host.createBranch(branch, sha);
      return (await host.createPull({ title: branch, body: "", head: branch, base: "main" })).number;
    },
    async close() {
      await portal.close();
      await forge.close();
    },
  };
}

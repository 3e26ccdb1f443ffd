/**
 * A tenant repository on a real embedded forge, the ledger in a real Postgres, real git, the real sandbox. Only Pulumi's preview
 * is given by the test: tests/system runs it.
 */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { makeVault, type Observation, Secret, systemClock } from "../../platform/core/index.ts";
import { type Evaluator, makeEvaluator } from "../../platform/evaluate/index.ts";
import { type GitHub, makeGitHub } from "../../platform/github/index.ts";
import {
  getRepository,
  putRepository,
  putSetting,
  type RepositoryRow,
  repositoryContext,
} from "../../platform/store/index.ts";
import type { ReviewerParts } from "../../reconciler/review/index.ts";
import { makeHosts, makeMirrors, type SyncReport, syncRepository } from "../../reconciler/source/index.ts";
import { type TestForge, testForge } from "../harness/forge.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";

const run = promisify(execFile);
const owner = "nebula";
export const hookSecret = new Secret("hook-secret");
const required = ["types", "plan", "policy", "quota", "preview"].map((name) => `nebula/${name}`);

export type World = {
  readonly forge: TestForge;
  readonly ledger: TestDatabase;
  readonly parts: ReviewerParts;
  /** As a person with write access. */
  readonly person: GitHub;
  readonly seen: readonly Observation[];
  /** A working copy. */
  readonly checkout: string;
  git(...args: string[]): Promise<string>;
  /** Writes files (null deletes) and commits them; pushes to `branch`. */
  push(branch: string, files: Readonly<Record<string, string | null>>, options?: { force?: boolean }): Promise<string>;
  repository(): Promise<RepositoryRow>;
  sync(): Promise<SyncReport>;
  close(): Promise<void>;
};

export async function makeWorld(
  options: {
    readonly files?: Readonly<Record<string, string>>;
    readonly protect?: boolean;
    /** Logins that may change everything. Default: ada, who opens the pull requests. */
    readonly administrators?: readonly string[];
  } = {},
): Promise<World> {
  const [forge, ledger] = await Promise.all([testForge(), testDatabase()]);
  const folder = await mkdtemp(join(tmpdir(), "nebula-world-"));
  const vault = makeVault(new Secret(Buffer.alloc(32, 3).toString("base64")));
  const name = "tenants";
  const { bootstrap } = forge.forge;
  await bootstrap.ensureOrganisation({ login: owner });
  const files = options.files ?? seed;
  await bootstrap.ensureRepository({
    owner,
    name,
    ...(Object.keys(files).length > 0 ? { seedFiles: new Map(Object.entries(files)) } : {}),
  });
  const app = await bootstrap.ensureApp({ owner, name: "nebuladb" });
  await bootstrap.ensureUser({ login: "ada" });
  const permissions = {
    contents: "write",
    pull_requests: "write",
    issues: "write",
    statuses: "read",
    checks: "read",
  } as const;
  const token = await bootstrap.makeToken({ login: "ada", owner, permissions });
  if (options.protect !== false)
    await bootstrap.ensureProtection({
      owner,
      repository: name,
      branch: "main",
      checks: required.map((context) => ({ context, appId: app.appId })),
    });
  const id = "repo_test";
  const seal = (field: "app-key" | "hook-secret" | "bot-token", plain: Secret) =>
    vault.seal(plain, repositoryContext(id, field));
  const gitUrl = `${forge.url}/${owner}/${name}.git`;
  await putRepository(ledger.sql, {
    ...{ id, owner, name, defaultBranch: "main", apiUrl: forge.apiUrl, gitUrl },
    ...{ appId: app.appId, installationId: app.installationId },
    appKeySealed: seal("app-key", app.privateKey ?? new Secret("")),
    hookSecretSealed: seal("hook-secret", hookSecret),
    botTokenSealed: seal("bot-token", token),
  });
  await putSetting(ledger.sql, "forge.administrators", { [id]: options.administrators ?? ["ada"] });
  const seen: Observation[] = [];
  const evaluator: Evaluator = makeEvaluator();
  const parts: ReviewerParts = {
    sql: ledger.sql,
    mirrors: makeMirrors(join(folder, "mirror")),
    hosts: makeHosts(vault),
    evaluator,
    clock: systemClock,
    observe: (observation) => void seen.push(observation),
    portalUrl: "http://127.0.0.1:1",
    preview: async ({ stack }) => ({ summary: "1 to create", text: `+ ${stack}` }),
  };
  const checkout = join(folder, "checkout");
  const header = `Authorization: Basic ${Buffer.from(`x-access-token:${token.reveal()}`).toString("base64")}`;
  const git = async (...args: string[]): Promise<string> => {
    const identity = ["-c", "user.name=Ada", "-c", "user.email=ada@acme.example", "-c", `http.extraHeader=${header}`];
    const { stdout } = await run("git", ["-C", checkout, ...identity, ...args]);
    return stdout.trim();
  };
  await mkdir(checkout);
  await git("init", "--quiet", "--initial-branch=main");
  await git("remote", "add", "origin", gitUrl);
  if (Object.keys(files).length > 0) await git("pull", "--quiet", "origin", "main");

  const world: World = {
    ...{ forge, ledger, parts, seen, checkout, git },
    person: makeGitHub({ apiUrl: forge.apiUrl, repository: { owner, name }, auth: { kind: "token", token } }),
    async push(branch, changes, { force = false } = {}) {
      for (const [path, text] of Object.entries(changes)) {
        const file = join(checkout, path);
        if (text === null) await rm(file, { recursive: true });
        else {
          await mkdir(dirname(file), { recursive: true });
          await writeFile(file, text);
        }
      }
      await git("add", "--all");
      await git("commit", "--quiet", "--allow-empty", "-m", "change");
      await git("push", "--quiet", ...(force ? ["--force"] : []), "origin", `HEAD:refs/heads/${branch}`);
      return git("rev-parse", "HEAD");
    },
    repository: async () => (await getRepository(ledger.sql, id)) as RepositoryRow,
    sync: async () => syncRepository(parts, await world.repository()),
    async close() {
      await evaluator.close();
      parts.mirrors.close();
      await Promise.all([forge.close(), ledger.close()]);
      await rm(folder, { recursive: true, force: true });
    },
  };
  return world;
}

/** Starts a branch at the newest commit of the default branch. */
export async function branchOff(world: World, branch: string): Promise<void> {
  await world.git("fetch", "--quiet", "origin", "main");
  await world.git("checkout", "--quiet", "-B", branch, "FETCH_HEAD");
}

export const database = (name: string, options = 'version: "18"'): string =>
  `import { Postgres } from "@nebuladb/platform";\n\nexport default new Postgres("${name}", { ${options} });\n`;

const project = 'import { project } from "@nebuladb/platform";\n\nexport default project({ placement: "local" });\n';

export const fleet: Readonly<Record<string, string>> = {
  "tenants/fleet/plans.ts": `import { quotas } from "@nebuladb/platform";
export default quotas({ standard: { cpu: 10, memory: "20Gi", storage: "100Gi", databases: 10 } });\n`,
  "tenants/fleet/policies.ts": `import { policies } from "@nebuladb/platform";
export default policies({ requiredTags: [], allowedExtensions: ["pgcrypto"], maxUnitsPerDatabase: 16, minBackupRetention: "1d", allowPublicNetwork: false });\n`,
  "tenants/fleet/prices.ts": `import { prices } from "@nebuladb/platform";
export default prices({ id: "list-1", currency: "USD", computeUnitHour: "0.08", storageGibMonth: "0.12", backupGibMonth: "0.05", egressGib: "0.09", apiMillionRequests: "0.40" });\n`,
  "tenants/fleet/providers.ts": `import { providers } from "@nebuladb/platform";
export default providers([{ name: "here", placement: "local", region: "local", engines: ["postgres"] }]);\n`,
};

const tenant = (name: string): string =>
  `import { tenant } from "@nebuladb/platform";\n\nexport default tenant({ displayName: "${name}", plan: "standard" });\n`;

export const seed: Readonly<Record<string, string>> = {
  "README.md": "# Tenants\n",
  ...fleet,
  "tenants/acme/tenant.ts": tenant("Acme"),
  "tenants/acme/shop/project.ts": project,
  "tenants/acme/shop/orders.ts": database("orders", 'version: "18", compute: { min: 0.25, max: 0.5 }, storage: "10Gi"'),
  "tenants/lab/tenant.ts": tenant("Lab"),
  "tenants/lab/research/project.ts": project,
  "tenants/lab/research/papers.ts": database("papers"),
};

/**
 * A whole control plane in one process for the benches that push to it: real forge with its webhook, real git, ledger, sandbox,
 * reconciler and deployer with its worker processes.
 */
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { makeMetrics, type Observation, type Scope, Secret, systemClock } from "../../platform/core/index.ts";
import { makeEvaluator } from "../../platform/evaluate/index.ts";
import { connectOnce, makePool } from "../../platform/sql/index.ts";
import { putRepository, repositoryContext } from "../../platform/store/index.ts";
import { makeForge } from "../../portal/forge/index.ts";
import { makeDeployer } from "../../reconciler/deploy/index.ts";
import { makeReconciler, recordOutcome } from "../../reconciler/reconcile.ts";
import { makeHosts, makeMirrors, makeWeb } from "../../reconciler/source/index.ts";
import { progress } from "./report.ts";
import { freePort, openGround } from "./sides.ts";

const run = promisify(execFile);

const fleet = {
  plans: `quotas({ standard: { cpu: 10, memory: "20Gi", storage: "1000Gi", databases: 10 } })`,
  policies: `policies({ requiredTags: [], allowedExtensions: [], maxUnitsPerDatabase: 16, minBackupRetention: "1d", allowPublicNetwork: false, unreviewed: "deploy" })`,
  prices: `prices({ id: "list-1", currency: "USD", computeUnitHour: "0.08", storageGibMonth: "0.12", backupGibMonth: "0.05", egressGib: "0.09", apiMillionRequests: "0.40" })`,
  providers: `providers([{ name: "here", placement: "local", region: "local", engines: ["postgres"] }])`,
};

const source = (names: string, value: string) =>
  `import { ${names} } from "@nebuladb/platform";\n\nexport default ${value};\n`;

/** The declaration of database `orders`, different for every `i`. */
export const declaration = (i: number) =>
  source("Postgres", `new Postgres("orders", { version: "18", storage: "${10 + i}Gi" })`);

/** `size` projects `acme/p<i>` of one database each. */
export function projectFiles(size: number): ReadonlyMap<string, string> {
  const all = new Map<string, string>();
  for (let i = 0; i < size; i++) {
    all.set(`tenants/acme/p${i}/project.ts`, source("project", `project({ placement: "local" })`));
    all.set(`tenants/acme/p${i}/orders.ts`, declaration(0));
  }
  return all;
}

function authorityFiles(): ReadonlyMap<string, string> {
  const all = new Map<string, string>();
  for (const [file, text] of Object.entries(fleet))
    all.set(`tenants/fleet/${file}.ts`, source(text.slice(0, text.indexOf("(")), text));
  all.set("tenants/acme/tenant.ts", source("tenant", `tenant({ displayName: "Acme", plan: "standard" })`));
  return all;
}

export type WorldOptions = {
  /** Projects that the repository has from its first commit. */
  readonly size: number;
  readonly workers?: number;
  readonly compute?: "local" | "state";
};

export type World = Awaited<ReturnType<typeof openWorld>>;

/** Projects that are there from the first commit count as deployed. Released with the scope. */
export async function openWorld(scope: Scope, { size, workers = 1, compute = "local" }: WorldOptions) {
  const ground = await openGround(await freePort());
  scope.add(ground, (it) => it.scope.close());
  const { sql, vault, dataDir } = ground;
  const heard: ((observation: Observation) => void)[] = [];
  const observe = (observation: Observation) => {
    for (const hear of heard) hear(observation);
    if (observation.kind === "fault") progress(`${observation.where}: ${observation.code} ${observation.message}`);
  };
  const seed = new Map([...authorityFiles(), ...projectFiles(size)]);
  const host = await openForge(scope, ground, observe, seed);
  const deployer = scope.add(
    await makeDeployer({ ...ground, observe, concurrency: workers, compute, onEnded: recordOutcome }),
    (it) => it.close(),
  );
  const hosts = makeHosts(vault);
  const reconciler = scope.add(
    makeReconciler({
      ...{ sql, hosts, observe, clock: systemClock, portalUrl: "http://127.0.0.1:1", pollMs: 3_600_000 },
      mirrors: scope.add(makeMirrors(join(dataDir, "mirror")), (it) => it.close()),
      evaluator: scope.add(makeEvaluator(), (it) => it.close()),
      preview: ({ spec }) => deployer.preview({ spec }),
    }),
    (it) => it.close(),
  );
  const web = makeWeb({ sql, hosts, observe, metrics: makeMetrics("bench"), version: "0", hint: reconciler.hint });
  const port = await scope.add(web, (it) => it.close()).listen(0);
  const firstLook = when(heard, ({ kind }) => kind === "source.fetched");
  await reconciler.start();
  await firstLook;
  await until(async () => (await sql.query("select 1 from projects")).length === size);
  // All of them count as deployed: what one change costs among many is the question, not the first deployment of many.
  await sql.query(
    "update operations set state = 'COMPLETED', outcome = 'applied', reported_at = now(), finished_at = now()",
  );
  await sql.query(
    "update projects set applied_spec = wanted_spec, applied_hash = wanted_hash, applied_commit = wanted_commit, status = 'Ready'",
  );
  await deployer.start();
  const url = `http://127.0.0.1:${port}/hooks/github`;
  await host.bootstrap.ensureHook({ ...home, url, secret: host.hookSecret, events: ["push"] });
  const git = await checkOut(join(dataDir, "checkout"), host);
  return {
    sql,
    write: (files: ReadonlyMap<string, string>) => {
      for (const [path, text] of files) write(join(dataDir, "checkout", path), text);
    },
    commit: async (message: string): Promise<void> => {
      await git("add", "--all");
      await git("commit", "--quiet", "-m", message);
    },
    push: () => git("push", "--quiet", "origin", "HEAD:refs/heads/main"),
    nextClaim: () => when(heard, ({ kind }) => kind === "operation.claimed").then(() => performance.now()),
    idle: (timeoutMs?: number) =>
      until(
        async () => (await sql.query("select 1 from operations where state in ('QUEUED', 'IN_PROGRESS')")).length === 0,
        timeoutMs,
      ),
  };
}

const home = { owner: "nebula", repository: "tenants" };

type Ground = Awaited<ReturnType<typeof openGround>>;
type Host = Awaited<ReturnType<typeof openForge>>;

/** The forge with the seed, its App, and the ledger's row of the repository. */
async function openForge(
  scope: Scope,
  { ledgerUrl, sql, vault, dataDir }: Ground,
  observe: (observation: Observation) => void,
  seedFiles: ReadonlyMap<string, string>,
) {
  await connectOnce(ledgerUrl, (one) => one.query("create database forge"));
  const forgeUrl = new URL(ledgerUrl.reveal());
  forgeUrl.pathname = "/forge";
  const forgeSql = scope.add(makePool({ url: new Secret(forgeUrl.href), applicationName: "forge" }), (it) =>
    it.close(),
  );
  const forge = scope.add(
    await makeForge({ dataDir: join(dataDir, "forge"), sql: forgeSql, vault, observe, clock: systemClock }),
    (it) => it.close(),
  );
  await forge.listen(0);
  const { bootstrap } = forge;
  await bootstrap.ensureOrganisation({ login: home.owner });
  await bootstrap.ensureRepository({ owner: home.owner, name: home.repository, seedFiles });
  const app = await bootstrap.ensureApp({ owner: home.owner, name: "nebuladb" });
  await bootstrap.ensureUser({ login: "ada" });
  const token = await bootstrap.makeToken({ login: "ada", owner: home.owner, permissions: { contents: "write" } });
  const hookSecret = new Secret(randomBytes(16).toString("hex"));
  const gitUrl = `${forge.url()}/${home.owner}/${home.repository}.git`;
  const id = "repo_bench";
  await putRepository(sql, {
    ...{ id, owner: home.owner, name: home.repository, defaultBranch: "main", gitUrl },
    apiUrl: `${forge.url()}/api/v3`,
    ...{ appId: app.appId, installationId: app.installationId },
    appKeySealed: vault.seal(app.privateKey ?? new Secret(""), repositoryContext(id, "app-key")),
    hookSecretSealed: vault.seal(hookSecret, repositoryContext(id, "hook-secret")),
    botTokenSealed: vault.seal(token, repositoryContext(id, "bot-token")),
  });
  return { bootstrap, token, hookSecret, gitUrl };
}

async function checkOut(folder: string, { token, gitUrl }: Host) {
  const header = `Authorization: Basic ${Buffer.from(`x-access-token:${token.reveal()}`).toString("base64")}`;
  const config = ["-c", `http.extraHeader=${header}`, "-c", "user.name=Ada", "-c", "user.email=ada@acme.example"];
  await run("git", [...config, "clone", "--quiet", gitUrl, folder]);
  return (...args: string[]) => run("git", ["-C", folder, ...config, ...args]);
}

function write(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

/** The next observation that fits. */
function when(
  heard: ((observation: Observation) => void)[],
  fits: (observation: Observation) => boolean,
): Promise<void> {
  return new Promise((resolve) => {
    const hear = (observation: Observation) => {
      if (!fits(observation)) return;
      heard.splice(heard.indexOf(hear), 1);
      resolve();
    };
    heard.push(hear);
  });
}

async function until(probe: () => Promise<boolean>, timeoutMs = 120_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await probe())) {
    if (performance.now() > deadline) throw new Error(`the platform did not settle within ${timeoutMs / 1000} s`);
    await systemClock.sleep(20);
  }
}

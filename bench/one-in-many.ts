/**
 * A repository of many projects, one of which changes: from `git push` (its start, as whoever pushes sees it) to the operation
 * claimed by the deployer. Real forge with its webhook, real git, ledger, sandbox and deployer; the other projects count as
 * deployed. The time must not grow with the number of projects.
 */
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { makeMetrics, type Observation, openScope, type Scope, Secret, systemClock } from "../platform/core/index.ts";
import { makeEvaluator } from "../platform/evaluate/index.ts";
import { connectOnce, makePool } from "../platform/sql/index.ts";
import { putRepository, repositoryContext } from "../platform/store/index.ts";
import { makeForge } from "../portal/forge/index.ts";
import { makeDeployer } from "../reconciler/deploy/index.ts";
import { makeReconciler, recordOutcome } from "../reconciler/reconcile.ts";
import { makeHosts, makeMirrors, makeWeb } from "../reconciler/source/index.ts";
import { percentile, progress, report, round } from "./ground/report.ts";
import { freePort, openGround } from "./ground/sides.ts";

const runs = Number(process.env.NEBULA_BENCH_RUNS ?? 10);
const sizes = [10, 1000] as const;
const run = promisify(execFile);

const fleet = {
  plans: `quotas({ standard: { cpu: 10, memory: "20Gi", storage: "1000Gi", databases: 10 } })`,
  policies: `policies({ requiredTags: [], allowedExtensions: [], maxUnitsPerDatabase: 16, minBackupRetention: "1d", allowPublicNetwork: false })`,
  prices: `prices({ id: "list-1", currency: "USD", computeUnitHour: "0.08", storageGibMonth: "0.12", backupGibMonth: "0.05", egressGib: "0.09", apiMillionRequests: "0.40" })`,
  providers: `providers([{ name: "here", placement: "local", region: "local", engines: ["postgres"] }])`,
};

const source = (names: string, value: string) =>
  `import { ${names} } from "@nebuladb/platform";\n\nexport default ${value};\n`;
const declaration = (i: number) =>
  source("Postgres", `new Postgres("orders", { version: "18", storage: "${10 + i}Gi" })`);

const scope = openScope();
const samples = new Map<number, number[]>(sizes.map((size) => [size, []]));
try {
  const worlds = new Map<number, Awaited<ReturnType<typeof openWorld>>>();
  for (const size of sizes) {
    progress(`a repository of ${size} projects`);
    worlds.set(size, await openWorld(scope, size));
  }
  // The sizes take turns, so that whatever else the machine does falls on both.
  for (let i = 0; i <= runs; i++)
    for (const [size, world] of worlds) {
      await world.commit(`p${Math.floor(size / 2)}`, i + 1);
      const claimed = world.nextClaim();
      const began = performance.now();
      await world.push();
      const ms = (await claimed) - began;
      progress(`run ${i} of ${runs} at ${size}: ${round(ms, 0)} ms`);
      if (i > 0) samples.get(size)?.push(ms); // the first fills the caches
      await world.idle();
    }
} finally {
  await scope.close();
}

const all = (size: number) => samples.get(size) ?? [];
const p50 = (size: number) => percentile(all(size), 50);
report({
  bench: "one-in-many",
  runs,
  figures: {
    claimMsAt10: round(p50(10), 0),
    claimMsAt1000: round(p50(1000), 0),
    claimMaxMsAt1000: round(Math.max(...all(1000)), 0),
    ratio1000To10: round(p50(1000) / p50(10), 2),
  },
  goals: { claimMsAt1000: "<= 1000", ratio1000To10: "<= 2" },
  notes: [
    "from the start of `git push` to the claim: the push itself, the webhook, fetch, comparison, evaluation, ledger, claim",
    "flat: a hundred times the projects may cost twice the time at most; listing a tree is all that grows",
  ],
});

async function openWorld(scope: Scope, size: number) {
  const ground = await openGround(await freePort());
  scope.add(ground, (it) => it.scope.close());
  const { sql, vault, dataDir } = ground;
  await connectOnce(ground.ledgerUrl, (one) => one.query("create database forge"));
  const forgeUrl = new URL(ground.ledgerUrl.reveal());
  forgeUrl.pathname = "/forge";
  const forgeSql = scope.add(makePool({ url: new Secret(forgeUrl.href), applicationName: "forge" }), (it) =>
    it.close(),
  );
  const heard: ((observation: Observation) => void)[] = [];
  const observe = (observation: Observation) => {
    for (const hear of heard) hear(observation);
    if (observation.kind === "fault") progress(`${observation.where}: ${observation.code} ${observation.message}`);
  };
  const forge = scope.add(
    await makeForge({ dataDir: join(dataDir, "forge"), sql: forgeSql, vault, observe, clock: systemClock }),
    (it) => it.close(),
  );
  await forge.listen(0);
  const { bootstrap } = forge;
  await bootstrap.ensureOrganisation({ login: "nebula" });
  await bootstrap.ensureRepository({ owner: "nebula", name: "tenants", seedFiles: files(size) });
  const app = await bootstrap.ensureApp({ owner: "nebula", name: "nebuladb" });
  await bootstrap.ensureUser({ login: "ada" });
  const token = await bootstrap.makeToken({ login: "ada", owner: "nebula", permissions: { contents: "write" } });
  const hookSecret = new Secret(randomBytes(16).toString("hex"));
  const gitUrl = `${forge.url()}/nebula/tenants.git`;
  const id = "repo_bench";
  await putRepository(sql, {
    ...{ id, owner: "nebula", name: "tenants", defaultBranch: "main", apiUrl: `${forge.url()}/api/v3`, gitUrl },
    ...{ appId: app.appId, installationId: app.installationId },
    appKeySealed: vault.seal(app.privateKey ?? new Secret(""), repositoryContext(id, "app-key")),
    hookSecretSealed: vault.seal(hookSecret, repositoryContext(id, "hook-secret")),
    botTokenSealed: vault.seal(token, repositoryContext(id, "bot-token")),
  });
  const deployer = scope.add(await makeDeployer({ ...ground, observe, concurrency: 1, onEnded: recordOutcome }), (it) =>
    it.close(),
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
  await bootstrap.ensureHook({ owner: "nebula", repository: "tenants", url, secret: hookSecret, events: ["push"] });

  const checkout = join(dataDir, "checkout");
  const header = `Authorization: Basic ${Buffer.from(`x-access-token:${token.reveal()}`).toString("base64")}`;
  const config = ["-c", `http.extraHeader=${header}`, "-c", "user.name=Ada", "-c", "user.email=ada@acme.example"];
  await run("git", [...config, "clone", "--quiet", gitUrl, checkout]);
  const git = (...args: string[]) => run("git", ["-C", checkout, ...config, ...args]);
  return {
    async commit(project: string, i: number): Promise<void> {
      write(join(checkout, `tenants/acme/${project}/orders.ts`), declaration(i));
      await git("commit", "--quiet", "--all", "-m", `change ${i}`);
    },
    push: () => git("push", "--quiet", "origin", "HEAD:refs/heads/main"),
    nextClaim: () => when(heard, ({ kind }) => kind === "operation.claimed").then(() => performance.now()),
    idle: () =>
      until(
        async () => (await sql.query("select 1 from operations where state in ('QUEUED', 'IN_PROGRESS')")).length === 0,
      ),
  };
}

function files(size: number): ReadonlyMap<string, string> {
  const all = new Map<string, string>();
  for (const [file, text] of Object.entries(fleet))
    all.set(`tenants/fleet/${file}.ts`, source(text.slice(0, text.indexOf("(")), text));
  all.set("tenants/acme/tenant.ts", source("tenant", `tenant({ displayName: "Acme", plan: "standard" })`));
  for (let i = 0; i < size; i++) {
    all.set(`tenants/acme/p${i}/project.ts`, source("project", `project({ placement: "local" })`));
    all.set(`tenants/acme/p${i}/orders.ts`, declaration(0));
  }
  return all;
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

async function until(probe: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 120_000;
  while (!(await probe())) {
    if (performance.now() > deadline) throw new Error("the platform did not settle within two minutes");
    await systemClock.sleep(20);
  }
}

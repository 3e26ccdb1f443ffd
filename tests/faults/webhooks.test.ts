import { execFile, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { makeMetrics } from "../../platform/core/index.ts";
import { signWebhook } from "../../platform/github/index.ts";
import { claimOperation, finishOperation, getProject, recordApplied } from "../../platform/store/index.ts";
import { makeReconciler, recordOutcome } from "../../reconciler/reconcile.ts";
import { makeWeb } from "../../reconciler/source/index.ts";
import { eventually } from "../harness/eventually.ts";
import type { Random } from "../harness/random.ts";
import { catalogueRow, type Trials } from "../harness/row.ts";
import { hookSecret, makeWorld, seed, type World } from "../reconciler/world.ts";

const run = promisify(execFile);
const stackCount = 12;
/** Deliveries that may overtake each other. */
const window = 16;
const dropped = 0.3;
const doubled = 0.3;

/** One merge: the n-th version of one stack's text. */
type Merge = { readonly commit: string; readonly before: string; readonly project: string; readonly version: number };

/** What was deployed, in the order in which it was: written by the deployer of this test, read by nobody else. */
type Ledger = Map<string, number[]>;

catalogueRow({
  suite: "faults",
  name: "webhooks dropped 30 %, doubled 30 %, reordered",
  promise: "each merge is deployed once for each stack, never back to an older commit",
  n: { small: 1_000, large: 1_000 },
  run: ({ n, random, guarded }) => (guarded ? reconciled(n, random) : trusting(n, random)),
  control: { without: "the poll as the truth: it deploys the commit that a delivery names", n: 100 },
  timeoutMs: 150_000, // about fifteen seconds of work, beside whatever else runs
});

/** The real reconciler and receiver; the deployer keeps state only. */
async function reconciled(n: number, random: Random): Promise<Trials> {
  const world = await makeWorld({ files: declarations(), protect: false });
  const { sql } = world.ledger;
  const reconciler = makeReconciler({ ...world.parts, sql, pollMs: 1_500 });
  const { hosts, observe } = world.parts;
  const web = makeWeb({ sql, hosts, observe, metrics: makeMetrics("test"), version: "0", hint: reconciler.hint });
  const stop = new AbortController();
  const ledger: Ledger = new Map();
  const deployer = keepState(world, ledger, stop.signal);
  try {
    const url = `http://127.0.0.1:${await web.listen(0)}/hooks/github`;
    await reconciler.start();
    const { branch, merges } = await history(world, n, random);
    await eventually("the first look is over", () => ledger.size === stackCount, { timeoutMs: 30_000 });
    const deliveries = makeDeliveries(random, (merge) => post(url, merge));
    for (const merge of merges) {
      await branch.move(merge);
      await deliveries.add(merge);
    }
    await deliveries.flush();
    await branch.close();
    const newest = newestOf(merges);
    const isDone = () => [...newest].every(([project, version]) => ledger.get(project)?.at(-1) === version);
    await eventually("everything is deployed", isDone, { timeoutMs: 60_000, everyMs: 100 }).catch(() => undefined);
    return {
      trials: n,
      violations: judge(ledger, newest),
      figures: { deployments: count(ledger), ...deliveries.figures },
    };
  } finally {
    stop.abort();
    await deployer;
    await web.close();
    await reconciler.close();
    await world.close();
  }
}

/** Believes each delivery as it comes. */
async function trusting(n: number, random: Random): Promise<Trials> {
  const ledger: Ledger = new Map();
  const merges = plan(n, random).map((one) => ({ ...one, commit: "", before: "" }));
  const deliveries = makeDeliveries(random, async ({ project, version }) => {
    ledger.set(project, [...(ledger.get(project) ?? []), version]);
  });
  for (const merge of merges) await deliveries.add(merge);
  await deliveries.flush();
  return { trials: n, violations: judge(ledger, newestOf(merges)) };
}

/** The text of every stack grows; nothing else may be seen by a deployer. */
function judge(ledger: Ledger, newest: ReadonlyMap<string, number>): readonly string[] {
  const violations: string[] = [];
  for (const [project, version] of newest) {
    const seen = ledger.get(project) ?? [];
    if (seen.at(-1) !== version) violations.push(`${project} ends at ${seen.at(-1)}, merged was ${version}`);
    seen.forEach((one, i) => {
      const before = seen[i - 1];
      if (before !== undefined && one === before) violations.push(`${project} deployed version ${one} twice`);
      if (before !== undefined && one < before) violations.push(`${project} went back from ${before} to ${one}`);
    });
  }
  return violations;
}

const newestOf = (merges: readonly Pick<Merge, "project" | "version">[]): ReadonlyMap<string, number> =>
  new Map(merges.map(({ project, version }) => [project, version]));
const count = (ledger: Ledger): number => [...ledger.values()].reduce((sum, { length }) => sum + length, 0);

/** Loses some, sends some twice, and lets those near each other overtake. */
function makeDeliveries(random: Random, send: (merge: Merge) => Promise<void>) {
  const figures = { lost: 0, sentTwice: 0, delivered: 0 };
  let waiting: Merge[] = [];
  const flush = async () => {
    const batch = random.shuffle(waiting);
    waiting = [];
    figures.delivered += batch.length;
    for (let at = 0; at < batch.length; at += 4) await Promise.all(batch.slice(at, at + 4).map(send));
  };
  return {
    figures,
    flush,
    async add(merge: Merge) {
      if (random.chance(dropped)) figures.lost += 1;
      else waiting.push(merge);
      if (random.chance(doubled)) {
        figures.sentTwice += 1;
        waiting.push(merge);
      }
      if (waiting.length >= window) await flush();
    },
  };
}

/** As the forge sends it; a delivery that comes again has the same body, and sometimes another id. */
async function post(url: string, { commit, before }: Merge): Promise<void> {
  const body = JSON.stringify({
    ...{ ref: "refs/heads/main", before, after: commit },
    repository: { full_name: "nebula/tenants", pushed_at: Math.floor(Date.now() / 1000) },
  });
  await fetch(url, {
    method: "POST",
    body,
    headers: {
      "x-github-event": "push",
      "x-github-delivery": randomUUID(),
      "x-hub-signature-256": signWebhook(hookSecret, Buffer.from(body)),
    },
  });
}

/** Takes what is queued, as the deployer does, and writes down which version it found. */
async function keepState({ ledger: { sql } }: World, ledger: Ledger, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const claim = await claimOperation(sql, { holder: "test", types: ["DEPLOY"] });
    if (claim === undefined) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      continue;
    }
    const { stack, operation } = claim;
    const project = await getProject(sql, stack);
    const { wantedSpec: spec, wantedHash: hash, wantedCommit: commit } = project ?? {};
    if (spec == null || hash !== operation.params.hash) {
      await finishOperation(sql, claim, { kind: "superseded" }, recordOutcome);
      continue;
    }
    const isSame = project?.appliedHash === hash;
    await finishOperation(
      sql,
      claim,
      { kind: "completed", outcome: isSame ? "unchanged" : "applied" },
      async (tx, ended) => {
        await recordApplied(tx, stack, { commit: commit ?? "", spec, hash: hash ?? "" });
        await recordOutcome(tx, ended);
      },
    );
    const version = Number(spec.databases[0]?.tags.version);
    if (!isSame) ledger.set(spec.project, [...(ledger.get(spec.project) ?? []), version]);
  }
}

const projectName = (i: number) => `p${String(i).padStart(2, "0")}`;
const text = (version: number) =>
  `import { Postgres } from "@nebuladb/platform";\n\nexport default new Postgres("main", { version: "18", tags: { version: "${version}" } });\n`;

function declarations(): Record<string, string> {
  const { "tenants/acme/shop/project.ts": project = "", "tenants/lab/tenant.ts": tenant = "" } = seed;
  const fleet = Object.entries(seed).filter(([path]) => path.startsWith("tenants/fleet/"));
  return {
    ...Object.fromEntries(fleet.map(([path, source]) => [path, loosened(source)])),
    "tenants/lab/tenant.ts": tenant,
    ...Object.fromEntries(
      Array.from({ length: stackCount }, (_, i) => [
        [`tenants/lab/${projectName(i)}/project.ts`, project],
        [`tenants/lab/${projectName(i)}/main.ts`, text(0)],
      ]).flat(),
    ),
  };
}

/** Room for all, and pushes without a review: this row is about what finds them. */
const loosened = (source: string): string =>
  source
    .replace("databases: 10", "databases: 1000")
    .replace(/policies\(\{/, 'policies({ unreviewed: "deploy",')
    .replace(/(cpu|databases): \d+/g, "$1: 1000")
    .replace(/"(20|100)Gi"/g, '"100000Gi"');

function plan(n: number, random: Random): readonly Pick<Merge, "project" | "version">[] {
  return Array.from({ length: n }, (_, i) => ({ project: projectName(random.int(0, stackCount - 1)), version: i + 1 }));
}

/** All commits in one stream, reachable from nothing until main is moved to them one by one. */
async function history(world: World, n: number, random: Random) {
  const dir = join(world.forge.dataDir, "forge", "nebula", "tenants.git");
  const git = async (args: readonly string[]) => (await run("git", ["-C", dir, ...args])).stdout.trim();
  const start = await git(["rev-parse", "refs/heads/main"]);
  const planned = plan(n, random);
  const stream = planned.map(({ project, version }, i) => {
    const source = text(version);
    const from = i === 0 ? `from ${start}\n` : "";
    return (
      `commit refs/scratch/history\nmark :${i + 1}\ncommitter Ada <ada@acme.example> ${1_700_000_000 + i} +0000\n` +
      `data 6\nchange\n${from}M 100644 inline tenants/lab/${project}/main.ts\ndata ${Buffer.byteLength(source)}\n${source}\n`
    );
  });
  const child = spawn("git", ["-C", dir, "fast-import", "--quiet"], { stdio: ["pipe", "ignore", "inherit"] });
  const ended = new Promise<void>((resolve, reject) =>
    child.on("close", (code) => (code === 0 ? resolve() : reject(new Error(`fast-import ended with ${code}`)))),
  );
  child.stdin.end(stream.join(""));
  await ended;
  const commits = (await git(["rev-list", "--reverse", `${start}..refs/scratch/history`])).split("\n");
  const merges = planned.map(
    (one, i): Merge => ({ ...one, commit: commits[i] ?? "", before: commits[i - 1] ?? start }),
  );
  return { merges, branch: openBranch(dir) };
}

/** Moves main, as merges do at a Git host: one process for all of them. */
function openBranch(dir: string) {
  const child = spawn("git", ["-C", dir, "update-ref", "--stdin"], { stdio: ["pipe", "pipe", "inherit"] });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async move({ commit, before }: Merge) {
      child.stdin.write(`start\nupdate refs/heads/main ${commit} ${before}\ncommit\n`);
      for (const said of ["start: ok", "commit: ok"]) {
        const { value } = await answers.next();
        if (value !== said) throw new Error(`git says ${value}, not ${said}`);
      }
    },
    async close() {
      const ended = once(child, "close");
      child.stdin.end();
      await ended;
    },
  };
}

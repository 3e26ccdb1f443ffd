import pLimit from "p-limit";
import { makeVault, Secret } from "../../platform/core/index.ts";
import type { GitHub } from "../../platform/github/index.ts";
import { getPullRow, recordPull } from "../../platform/store/index.ts";
import { followPulls, type Reviewer, type ReviewerParts } from "../../reconciler/review/index.ts";
import { makeHosts, syncRepository } from "../../reconciler/source/index.ts";
import { fates, type GitLine, openGitLine } from "../harness/git-line.ts";
import type { Random } from "../harness/random.ts";
import { catalogueRow, type Trials } from "../harness/row.ts";
import { makeWorld, type World } from "../reconciler/world.ts";

/** Of every request. */
const spoiled = 0.12;
const atOnce = 20;
const timeoutMs = 2_500;
/** An answer that is lost after the work was done is the worst of them. */
const fate = [...fates, "502 after", "cut"] as const;
const marker = "<!-- nebula:fault -->";

/** What a client was told: the oracle. */
type Told = { readonly branch: string; readonly number: number; readonly merged: boolean };

catalogueRow({
  suite: "faults",
  name: "GitHub slow, 5xx, secondary limit, cut body",
  promise: "no merge is missed and no pull request, comment, check run or deployment is doubled",
  n: { small: 100, large: 500 },
  run: async ({ n, random, guarded }) => {
    const world = await makeWorld({ files: { "README.md": "# Tenants\n" }, protect: false });
    const line = await openGitLine(world.forge.url, () => (random.chance(spoiled) ? random.pick(fate) : undefined), {
      ...{ slowMs: 150, lateMs: timeoutMs + 300 },
    });
    try {
      return await (guarded ? ours(world, line, n) : careless(world, line, n, random));
    } finally {
      await line.close();
      await world.close();
    }
  },
  control: { without: "looking for what was made before making it again, and without the poll", n: 15 },
  timeoutMs: 150_000,
});

/** The real client over the bad line: the portal's part and the reconciler's. */
async function ours(world: World, line: GitLine, n: number): Promise<Trials> {
  const { sql } = world.ledger;
  await sql.query("update repositories set api_url = $1, git_url = $2", [
    `${line.url}/api/v3`,
    `${line.url}/nebula/tenants.git`,
  ]);
  const row = await world.repository();
  const vault = makeVault(new Secret(Buffer.alloc(32, 3).toString("base64"))); // the world's own
  const parts = { ...world.parts, hosts: makeHosts(vault, { timeoutMs }) };
  const host = parts.hosts.of(row);
  const limit = pLimit(atOnce);
  const names = Array.from({ length: n }, (_, i) => `change-${i}`);
  const told = await Promise.all(names.map((branch) => limit(() => change(world, host, row.id, branch))));
  await pollUntilSeen(world, parts, told);
  const violations = await judge(world, told);
  for (const { number, branch } of told)
    if ((await getPullRow(sql, row.id, number))?.deployedAt == null)
      violations.push(`the merge of ${branch} was missed`);
  return { trials: n, violations, figures: figures(line) };
}

/** A change as the portal and the review make it. Each step is repeated until it is acknowledged, as their callers do. */
async function change(world: World, host: GitHub, repository: string, branch: string): Promise<Told> {
  const sha = await commitOn(host, branch);
  await until(() =>
    host.createBranch(branch, sha).catch(async (thrown) => {
      if ((await host.getBranch(branch)) !== sha) throw thrown;
    }),
  );
  const { number } = await until(() => host.createPull({ title: branch, body: "", head: branch, base: "main" }));
  await until(() =>
    recordPull(world.ledger.sql, { repository, number, requestedBy: "ada", headCommit: sha, by: "portal" }),
  );
  const place = { path: "README.md", startLine: 1, endLine: 1, level: "warning" } as const;
  const annotations = Array.from({ length: 70 }, (_, i) => ({ ...place, title: `t${i}`, message: "m" }));
  await Promise.all([
    until(() => host.createStatus(sha, { context: "nebula/plan", state: "success", description: "fine" })),
    until(() => host.upsertComment(number, { marker, body: `about ${branch}` })),
    until(() =>
      host.upsertCheckRun({
        ...{ name: "nebula", sha, title: "t", summary: "s", annotations },
        state: { kind: "done", conclusion: "success" },
      }),
    ),
  ]);
  const merge = await until(() => host.mergePull(number, { sha }));
  const deployment = await until(() =>
    host.ensureDeployment({ sha: merge.sha, environment: branch, description: "d" }),
  );
  await until(() => host.createDeploymentStatus(deployment.id, { state: "success", description: "done" }));
  return { branch, number, merged: true };
}

const commitOn = (host: GitHub, branch: string): Promise<string> =>
  until(async () => {
    const parent = (await host.getBranch("main")) ?? "";
    const changes = [{ path: `notes/${branch}.md`, content: `${branch}\n` }];
    return (await host.commitFiles({ parent, message: branch, changes })).sha;
  });

/** What every caller of the client does with a fault that says `retry`; anything else is the test's failure. */
async function until<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await work();
    } catch (thrown) {
      const { retry, code } = thrown as { retry?: boolean; code?: string };
      // A branch that moved under a merge is merged on top of what is there: the host says 409, and the caller asks again.
      if ((retry !== true && code !== "NEB683") || tries === 40) throw thrown;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

/** The reconciler's look, as often as its poll would repeat it; not one webhook. */
async function pollUntilSeen(world: World, parts: ReviewerParts, told: readonly Told[]): Promise<void> {
  const nobody: Reviewer = { review: async () => undefined, drop: () => undefined, close: async () => undefined };
  for (let passes = 0; passes < 60; passes++) {
    const pass = async () => {
      await followPulls(parts, nobody, await world.repository());
      await syncRepository(parts, await world.repository());
    };
    await pass().catch(() => undefined);
    const rows = await world.ledger.sql.query("select 1 from pulls where deployed_at is not null");
    if (rows.length >= told.length) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** Looks at the host itself, past the bad line. */
async function judge(world: World, told: readonly Told[]): Promise<string[]> {
  const violations: string[] = [];
  const clean = world.person;
  const all = await clean.listPulls({ state: "all", limit: 2_000 });
  const titles = Map.groupBy(all, ({ title }) => title);
  for (const { branch, number, merged } of told) {
    const found = titles.get(branch) ?? [];
    if (found.length !== 1) violations.push(`${branch} has ${found.length} pull requests`);
    if (merged && !found.some((pull) => pull.merged)) violations.push(`${branch} is not merged though it was said so`);
    const comments = (await clean.listComments(number)).filter(({ body }) => body.includes(marker));
    if (comments.length !== 1) violations.push(`${branch} has ${comments.length} comments`);
  }
  const { sql } = world.forge.database;
  const runs = await sql.query<{ name: string; runs: number; annotations: number }>(
    `select p.title as name, count(distinct r.id) as runs, count(a.id) as annotations from pulls p
     join check_runs r on r.head_sha = p.head_sha left join annotations a on a.check_run = r.id group by 1`,
  );
  for (const { name, runs: n, annotations } of runs)
    if (n !== 1 || annotations !== 70) violations.push(`${name} has ${n} check runs with ${annotations} annotations`);
  const doubled = await sql.query<{ environment: string }>(
    "select environment from deployments group by 1 having count(*) <> 1",
  );
  for (const { environment } of doubled) violations.push(`${environment} has several deployments`);
  return violations;
}

/** A client that sends again what was not answered, and believes that what was not answered did not happen. */
async function careless(world: World, line: GitLine, n: number, random: Random): Promise<Trials> {
  const token = await world.forge.forge.bootstrap.makeToken({
    ...{ login: "ada", owner: "nebula" },
    permissions: { contents: "write", pull_requests: "write", issues: "write" },
  });
  const ask = (method: string, path: string, body?: unknown) => send(line.url, token, method, path, body);
  const limit = pLimit(atOnce);
  const one = async (title: string): Promise<Told> => {
    const number = await again(async () => {
      const branch = `${title}-${random.int(0, 1e9)}`;
      const sha = await commitOn(world.person, branch);
      await world.person.createBranch(branch, sha);
      return ((await ask("POST", "pulls", { title, head: branch, base: "main" })) as { number: number }).number;
    });
    await again(() => ask("POST", `issues/${number}/comments`, { body: `${marker} about ${title}` }));
    const merged = await ask("PUT", `pulls/${number}/merge`, {}).then(
      () => true,
      () => false,
    );
    return { branch: title, number, merged };
  };
  const told = await Promise.all(Array.from({ length: n }, (_, i) => limit(() => one(`change-${i}`))));
  const violations = await judge(world, told);
  for (const { branch, number, merged } of told)
    if (!merged && (await world.person.getPull(number)).merged) violations.push(`the merge of ${branch} was missed`);
  return { trials: n, violations };
}

async function again<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await work();
    } catch (thrown) {
      if (tries === 40) throw thrown;
    }
  }
}

async function send(url: string, token: Secret, method: string, path: string, body: unknown): Promise<unknown> {
  const response = await fetch(`${url}/api/v3/repos/nebula/tenants/${path}`, {
    ...{ method, body: JSON.stringify(body), signal: AbortSignal.timeout(timeoutMs) },
    headers: { authorization: `Bearer ${token.reveal()}` },
  });
  if (!response.ok) throw new Error(String(response.status));
  return response.json();
}

const figures = ({ met, passed }: GitLine): Record<string, number> => ({
  requests: passed.length,
  spoiled: Object.values(met).reduce((sum, n) => sum + n, 0),
});

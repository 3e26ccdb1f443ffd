import pLimit from "p-limit";
import type { GitHub, Pull } from "../../platform/github/index.ts";
import { getPullRow, insertUser, putSetting } from "../../platform/store/index.ts";
import { makeReviewer, type Reviewer } from "../../reconciler/review/index.ts";
import { catalogueRow, type RowInput, type Trials } from "../harness/row.ts";
import { deployAll } from "../reconciler/deployments.ts";
import { type PastTheHost, pastTheHost } from "../reconciler/past-the-host.ts";
import { branchOff, database, fleet, makeWorld, seed, type World } from "../reconciler/world.ts";

/**
 * A developer of one project against a Git host without any rule of its own: heads with files that are not hers, and merges of
 * heads that nobody approved. The oracle is the test's list of texts that were reviewed; what is deployed must be among them.
 */
catalogueRow({
  suite: "attacks",
  name: "pull requests: other tenant's folder, Unicode or case twins, submodule, workflow edit, head swapped after approval",
  promise: "refused on the server side; 0 unapproved SHA deployed",
  n: { small: 40, large: 40 },
  run,
  control: { without: "the author's rights and the trace of what was merged", n: 8 },
  timeoutMs: 180_000,
});

const orders = "tenants/acme/shop/orders.ts";
const sized = (gibibytes: number): string => database("orders", `version: "18", storage: "${gibibytes}Gi"`);
const acme = `import { tenant } from "@nebuladb/platform";
export default tenant({ displayName: "Acme", plan: "standard", members: [
  { user: "ann@acme.example", role: "developer", projects: ["shop"] },
] });\n`;
const trusting = (fleet["tenants/fleet/policies.ts"] ?? "").replace(
  "allowPublicNetwork",
  'unreviewed: "deploy", allowPublicNetwork',
);

type Head = Parameters<PastTheHost["treeOf"]>[1];
const plain = "notes\n";
const link = (text: string) => ({ mode: "120000", text });

/** Trees of a head. Each touches something that is not ann's, or brings what nobody may bring. */
const foreign: readonly (readonly [string, Head])[] = [
  [
    "another tenant's database",
    { "tenants/lab/research/papers.ts": database("papers", 'version: "18", storage: "9Gi"') },
  ],
  ["another tenant's database beside her own", { [orders]: sized(11), "tenants/lab/research/papers.ts": null }],
  ["a new database of another tenant", { "tenants/lab/research/spy.ts": database("spy") }],
  ["another tenant's shared code", { "tenants/lab/shared/all.ts": "export const x = 1;\n" }],
  [
    "another tenant's file moved to her project",
    { "tenants/lab/research/papers.ts": null, "tenants/acme/shop/papers.ts": database("papers") },
  ],
  ["another project of her tenant", { "tenants/acme/web/project.ts": seed["tenants/acme/shop/project.ts"] ?? "" }],
  ["her tenant's shared code", { "tenants/acme/shared/all.ts": "export const x = 1;\n" }],
  ["her own role", { "tenants/acme/tenant.ts": acme.replace("developer", "project-admin") }],
  ["a new tenant", { "tenants/mine/tenant.ts": acme }],
  ["the prices", { "tenants/fleet/prices.ts": (fleet["tenants/fleet/prices.ts"] ?? "").replace("0.08", "0.01") }],
  ["the policies", { "tenants/fleet/policies.ts": trusting }],
  ["a workflow", { ".github/workflows/deploy.yml": "on: pull_request_target\n" }],
  ["CODEOWNERS, to be asked for everything", { ".github/CODEOWNERS": "* @ann\n", [orders]: sized(12) }],
  ["Pulumi.yaml", { "Pulumi.yaml": "name: mine\nruntime: nodejs\nmain: evil.ts\n" }],
  ["package.json", { "package.json": '{"scripts":{"postinstall":"id"}}\n' }],
  ["vendor/", { "vendor/platform.tgz": "not what it was\n" }],
  ["a file beside the tenants", { "tenants/readme.md": plain }],
  ["a link out of her project", { "tenants/acme/shop/link.ts": link("../../lab/research/papers.ts") }],
  ["a link in place of her declaration", { [orders]: link("/etc/passwd") }],
  ["a linked folder", { "tenants/acme/shop/lib": link("../../fleet") }],
  ["a submodule", { "tenants/acme/shop/module": { mode: "160000", text: "1".repeat(40) } }],
  ["an executable declaration", { "tenants/acme/shop/run.ts": { mode: "100755", text: database("run") } }],
  ["a case twin of her tenant", { "tenants/Acme/shop/orders.ts": sized(13) }],
  ["a case twin of her project", { "tenants/acme/Shop/orders.ts": sized(13) }],
  ["a case twin of her declaration", { "tenants/acme/shop/Orders.ts": sized(13) }],
  ["a case twin of tenants/", { "Tenants/lab/research/papers.ts": database("papers") }],
  ["a Cyrillic twin of her tenant", { "tenants/аcme/shop/orders.ts": sized(13) }],
  ["a full-width twin of tenants/", { "ｔenants/lab/research/papers.ts": database("papers") }],
  ["an invisible letter in her project", { "tenants/acme/sh\u200bop/orders.ts": sized(13) }],
  ["a decomposed accent", { "tenants/acme/shop/cafe\u0301.ts": database("cafe") }],
  ["a turned-around name", { "tenants/acme/shop/\u202est.sredro": plain }],
  ["a trailing dot", { "tenants/acme/shop./orders.ts": sized(13) }],
];

/** What is merged is not what was reviewed. Each takes the text that was reviewed and one that was not. */
const swaps = [
  "pushed after the review",
  "older head again",
  "pushed past",
  "squashed by hand",
  "never reviewed",
  "failed its review",
  "swapped in the merge",
  "committed on top",
] as const;

type Ground = {
  readonly world: World;
  readonly host: PastTheHost;
  readonly reviewer: Reviewer;
  readonly annId: number;
};

async function run({ n, random, guarded }: RowInput): Promise<Trials> {
  const ground = await makeGround(guarded);
  const violations: string[] = [];
  // The control takes some of each.
  const heads = random.shuffle(foreign).slice(0, n >= 40 ? foreign.length : Math.ceil(n / 2));
  const ways = random.shuffle(swaps).slice(0, n >= 40 ? swaps.length : Math.floor(n / 2));
  const limit = pLimit(3);
  try {
    const stolen = await Promise.all(heads.map(([what, head], i) => limit(() => steal(ground, 5000 + i, what, head))));
    violations.push(...stolen.flat());
    for (const [i, how] of ways.entries()) violations.push(...(await swap(ground, how, 20 + 2 * i)));
    return { trials: heads.length + ways.length, violations };
  } finally {
    await ground.reviewer.close();
    await ground.world.close();
  }
}

async function makeGround(guarded: boolean): Promise<Ground> {
  const policies = guarded ? (fleet["tenants/fleet/policies.ts"] ?? "") : trusting;
  const world = await makeWorld({
    files: { ...seed, "tenants/acme/tenant.ts": acme, "tenants/fleet/policies.ts": policies },
    protect: false,
  });
  const { sql } = world.ledger;
  const annId = 4711;
  const user = await insertUser(sql, {
    ...{ email: "ann@acme.example", name: "Ann", passwordHash: null, platformAdmin: false, emailVerified: true },
  });
  await sql.query("insert into user_identities (provider, subject, user_id) values ('forge', $1, $2)", [
    annId,
    user?.id,
  ]);
  if (!guarded) await putSetting(sql, "forge.administrators", { repo_test: ["ada", "ann"] });
  await world.sync();
  await deployAll(sql);
  // Nothing is said to the Git host: what counts is what the ledger holds.
  const hosts = {
    ...world.parts.hosts,
    of: (repository: Parameters<typeof world.parts.hosts.of>[0]): GitHub =>
      ({
        ...world.parts.hosts.of(repository),
        createStatus: async () => undefined,
        upsertCheckRun: async () => undefined,
        upsertComment: async () => ({ id: 1 }),
      }) as unknown as GitHub,
  };
  return { world, host: pastTheHost(world), reviewer: makeReviewer({ ...world.parts, hosts }), annId };
}

const verdictOf = async ({ world }: Ground, number: number) =>
  (await getPullRow(world.ledger.sql, "repo_test", number))?.verdict;

/** A head of ann's that must not pass. */
async function steal(ground: Ground, number: number, what: string, changes: Head): Promise<string[]> {
  const { world, host, reviewer, annId } = ground;
  const base = host.git(["rev-parse", "main"]);
  const sha = host.commit(host.treeOf(base, changes), base);
  host.setRef(`refs/pull/${number}/head`, sha);
  const pull = {
    ...{
      number,
      title: what,
      body: "",
      state: "open",
      merged: false,
      mergeCommit: null,
      author: "ann",
      authorId: annId,
    },
    ...{
      url: "",
      mergeable: null,
      mergeableState: "unknown",
      draft: false,
      labels: [],
      createdAt: "",
      updatedAt: "",
      mergedAt: null,
    },
    head: { ref: "x", sha, repository: "ann/tenants" },
    base: { ref: "main", sha: base },
  } as Pull;
  await reviewer.review(await world.repository(), pull);
  const verdict = await verdictOf(ground, number);
  return verdict === "failure" ? [] : [`${what}: the review ended with ${verdict}`];
}

/** A text that nobody reviewed reaches the default branch by a pull request that was. */
async function swap(ground: Ground, how: (typeof swaps)[number], size: number): Promise<string[]> {
  const { world, host, reviewer } = ground;
  const { sql } = world.ledger;
  const [asked, secret] = [sized(size), sized(size + 1)];
  const branch = `swap-${size}`;
  await branchOff(world, branch);
  const first = await world.push(branch, { [orders]: how === "failed its review" ? sized(5000) : asked });
  const { number } = await world.person.createPull({ title: how, body: "", head: branch, base: "main" });
  const review = async () => reviewer.review(await world.repository(), await world.person.getPull(number));
  const head = async () => (await world.person.getPull(number)).head.sha;
  const merge = async () => world.person.mergePull(number, { sha: await head() });
  const onMain = (text: string) => {
    const newest = host.git(["rev-parse", "main"]);
    host.setRef("refs/heads/main", host.commit(host.treeOf(newest, { [orders]: text }), newest));
  };
  if (how !== "never reviewed") await review();
  switch (how) {
    case "pushed after the review":
      await world.push(branch, { [orders]: secret });
      await merge();
      break;
    case "older head again":
      await world.push(branch, { [orders]: secret });
      await review();
      await world.git("push", "--quiet", "--force", "origin", `${first}:refs/heads/${branch}`);
      await merge();
      break;
    case "pushed past":
      onMain(secret);
      break;
    case "squashed by hand":
      onMain(asked);
      break;
    case "never reviewed":
    case "failed its review":
      await merge();
      break;
    case "swapped in the merge": {
      const newest = host.git(["rev-parse", "main"]);
      host.setRef("refs/heads/main", host.commit(host.treeOf(newest, { [orders]: secret }), newest, first));
      break;
    }
    case "committed on top":
      await merge();
      onMain(secret);
      break;
  }
  const before = host.git(["rev-parse", "main"]);
  await world.sync();
  const { deployed } = await deployAll(sql);
  // Undone for the next trial, as an administrator would: back to what runs.
  const row = await sql.one<{ commit: string }>(
    `select applied_commit as commit from projects where stack = 'acme.shop'`,
  );
  const text = host.git(["show", `${row.commit}:${orders}`]);
  host.setRef("refs/heads/main", host.commit(host.treeOf(before, { [orders]: `${text}\n` }), before));
  await world.sync();
  await deployAll(sql);
  return deployed.length === 0 ? [] : [`${how}: ${deployed[0]?.commit?.slice(0, 7)} was deployed`];
}

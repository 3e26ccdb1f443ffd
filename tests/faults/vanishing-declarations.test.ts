import { getProjects } from "../../platform/store/index.ts";
import { evaluateProjects, readSnapshot, specOf } from "../../reconciler/source/index.ts";
import type { Random } from "../harness/random.ts";
import { catalogueRow, type RowInput, type Trials } from "../harness/row.ts";
import { deployAll } from "../reconciler/deployments.ts";
import { type PastTheHost, pastTheHost } from "../reconciler/past-the-host.ts";
import { database, fleet, makeWorld, seed, type World } from "../reconciler/world.ts";

/**
 * Everything by which a declaration can disappear, pushed to the default branch of a fleet that does without reviews: what is left
 * is the rule that nothing is destroyed without `retire: true`. The oracle is the list of live databases that the test wrote.
 */
catalogueRow({
  suite: "faults",
  name: "empty render, render error, rename, deleted folder, force-push",
  promise: "0 databases destroyed without confirmed intent",
  n: { small: 60, large: 60 },
  run,
  control: { without: "the rule that what does not render is no empty set", n: 15 },
  timeoutMs: 180_000,
});

const live = ["acme.shop.carts", "acme.shop.orders", "lab.archive.logs", "lab.research.papers"];
const project = seed["tenants/acme/shop/project.ts"] ?? "";
const trusting = (fleet["tenants/fleet/policies.ts"] ?? "").replace(
  "allowPublicNetwork",
  'unreviewed: "deploy", retireGrace: "0s", allowPublicNetwork',
);
const files = {
  ...seed,
  "tenants/fleet/policies.ts": trusting,
  "tenants/acme/shop/carts.ts": database("carts"),
  "tenants/lab/archive/project.ts": project,
  "tenants/lab/archive/logs.ts": database("logs"),
  "tenants/lab/archive/old.ts": database("old", 'version: "18", retire: true'),
};

async function run({ n, random, guarded }: RowInput): Promise<Trials> {
  const world = await makeWorld({ files, protect: false });
  try {
    const host = pastTheHost(world);
    const good = host.git(["rev-parse", "main"]);
    await world.sync();
    await deployAll(world.ledger.sql);
    const violations: string[] = [];
    for (let trial = 0; trial < n; trial++) {
      const [what, strike] = kinds[trial % kinds.length] as (typeof kinds)[number];
      const newest = host.git(["rev-parse", "main"]);
      const { commit, isRewritten } = strike(host, newest, random);
      host.setRef("refs/heads/main", commit);
      const left = guarded ? await survivors(world) : await naiveSurvivors(world);
      const lost = live.filter((id) => !left.has(id));
      if (lost.length > 0) violations.push(`trial ${trial}, ${what}: ${lost.join(", ")} destroyed`);
      // Back to what was good: forward, or, where the branch was rewritten, to where it was.
      host.setRef("refs/heads/main", isRewritten ? newest : host.commit(`${good}^{tree}`, commit));
      if (!guarded) continue;
      await survivors(world);
      const stuck = (await stacksOf(world)).filter(({ status }) => status !== "Ready");
      if (stuck.length > 0) violations.push(`trial ${trial}, ${what}: ${stuck[0]?.stack} did not come back`);
    }
    return { trials: n, violations };
  } finally {
    await world.close();
  }
}

/** What runs after a look at the branch and every deployment that followed. */
async function survivors(world: World): Promise<ReadonlySet<string>> {
  await world.sync();
  await deployAll(world.ledger.sql);
  const rows = await stacksOf(world);
  return new Set(
    rows.flatMap(({ stack, appliedSpec }) => (appliedSpec?.databases ?? []).map(({ name }) => `${stack}.${name}`)),
  );
}

const stacksOf = ({ ledger }: World) => getProjects(ledger.sql, ["acme.shop", "lab.archive", "lab.research"]);

/** What would run if whatever the branch renders were what is wanted. */
async function naiveSurvivors({ parts, repository }: World): Promise<ReadonlySet<string>> {
  const row = await repository();
  const commit = await parts.mirrors.fetchHead(row, await parts.hosts.of(row).gitToken());
  const git = parts.mirrors.of(row);
  const snapshot = await readSnapshot(git, commit ?? "");
  const evaluated = await evaluateProjects(parts, git, snapshot, [...snapshot.projects.values()]);
  return new Set(
    [...evaluated].flatMap(([stack, one]) => (specOf(one)?.databases ?? []).map(({ name }) => `${stack}.${name}`)),
  );
}

type Strike = (host: PastTheHost, newest: string, random: Random) => { commit: string; isRewritten: boolean };

const forward =
  (changes: (random: Random) => Readonly<Record<string, string | null>>): Strike =>
  (host, newest, random) => ({ commit: host.commit(host.treeOf(newest, changes(random)), newest), isRewritten: false });
const rewritten =
  (
    changes: Readonly<Record<string, string | null>>,
    onto: (host: PastTheHost, newest: string) => readonly string[],
  ): Strike =>
  (host, newest) => ({ commit: host.commit(host.treeOf(newest, changes), ...onto(host, newest)), isRewritten: true });

const declarations = [
  "tenants/acme/shop/orders.ts",
  "tenants/acme/shop/carts.ts",
  "tenants/lab/archive/logs.ts",
  "tenants/lab/research/papers.ts",
];
const projects = ["tenants/acme/shop", "tenants/lab/archive", "tenants/lab/research"];
const one =
  (text: string) =>
  (random: Random): Record<string, string> => ({ [random.pick(declarations)]: text });

/** A folder under another name: the old one gone, the new one as it was. */
const moved = (from: string, to: string): Record<string, string | null> => ({
  [from]: null,
  ...Object.fromEntries(
    Object.entries(files)
      .filter(([path]) => path.startsWith(`${from}/`))
      .map(([path, text]) => [`${to}${path.slice(from.length)}`, text]),
  ),
});

const kinds: readonly (readonly [string, Strike])[] = [
  ["empty file", forward(one(""))],
  ["nothing exported", forward(one("export {};\n"))],
  ["nothing declared", forward(one("export default [];\n"))],
  ["only a comment left", forward(one("// gone\n"))],
  ["syntax error", forward(one("export default new Postgres(\n"))],
  ["throws", forward(one('throw new Error("no");\n'))],
  ["never ends", forward(one("for (;;) {}\n"))],
  ["unknown import", forward(one('import { Postgres } from "./nowhere.ts";\nexport default new Postgres("x", {});\n'))],
  ["wrong option", forward(one(database("orders", 'version: "18", storag: "1Gi"')))],
  ["wrong name in it", forward(one(database("other")))],
  [
    "file renamed",
    forward(() => ({ "tenants/lab/research/papers.ts": null, "tenants/lab/research/texts.ts": database("texts") })),
  ],
  [
    "file renamed alone",
    forward(() => ({ "tenants/lab/research/papers.ts": null, "tenants/lab/research/t.ts": database("papers") })),
  ],
  ["project renamed", forward((random) => ({ ...moved(random.pick(projects), "tenants/lab/moved") }))],
  ["tenant renamed", forward(() => ({ ...moved("tenants/acme", "tenants/apex") }))],
  ["moved to another tenant", forward(() => ({ ...moved("tenants/acme/shop", "tenants/lab/shop") }))],
  ["file deleted", forward((random) => ({ [random.pick(declarations)]: null }))],
  ["project deleted", forward((random) => ({ [random.pick(projects)]: null }))],
  ["tenant deleted", forward((random) => ({ [random.pick(["tenants/acme", "tenants/lab"])]: null }))],
  ["project.ts deleted", forward((random) => ({ [`${random.pick(projects)}/project.ts`]: null }))],
  ["everything deleted", forward(() => ({ tenants: null }))],
  ["fleet deleted with a project", forward(() => ({ "tenants/fleet": null, "tenants/acme/shop": null }))],
  ["force-push of an orphan", rewritten({ tenants: null }, () => [])],
  ["force-push without a project", rewritten({ "tenants/lab/research": null }, () => [])],
  [
    "force-push to a sibling",
    rewritten({ "tenants/acme/shop/orders.ts": null }, (host, newest) => [
      host.git(["rev-list", "--max-parents=0", newest]),
    ]),
  ],
];

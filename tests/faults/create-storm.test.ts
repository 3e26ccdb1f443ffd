/** A tenant asks for hundreds of databases and of operations at once, while another one goes on with his work. */
import { afterAll, beforeAll } from "vitest";
import { databaseId, specHash } from "../../platform/spec/index.ts";
import {
  claimOperation,
  countOpenOperations,
  finishOperation,
  getOperation,
  isEnded,
  recordApplied,
  recordInstance,
  recordStatus,
  recordWanted,
  reserveInstance,
} from "../../platform/store/index.ts";
import { eventually } from "../harness/eventually.ts";
import { catalogueRow, type RowInput, type Trials } from "../harness/row.ts";
import { declared, projectOf } from "../portal/deployed.ts";
import type { Answer } from "../portal/harness.ts";
import { type HostedPortal, startHostedPortal } from "../portal/hosted.ts";

/** The storm begins with a restart in each project, which is what workers do; the rest are creations. */
const projects = 25;
const most = 40;
const workers = 3;
const collectionOf = (project: string, tenant = "shop") => `/api/v1/domain/${tenant}/project/${project}/databases`;

const projectFile = 'import { project } from "@nebuladb/platform";\n\nexport default project();\n';
const tenantFile = 'import { tenant } from "@nebuladb/platform";\n\nexport default tenant({});\n';
const seedFiles = new Map<string, string>();
for (const tenant of ["shop", "bank"]) seedFiles.set(`tenants/${tenant}/tenant.ts`, tenantFile);
for (let i = 0; i < projects; i++) seedFiles.set(`tenants/shop/p${i}/project.ts`, projectFile);

let held: HostedPortal;
let unheld: HostedPortal;
beforeAll(async () => {
  const rules = "key=1000000,user=1000000,writes=1000000";
  held = await startHostedPortal(seedFiles, { rules, limits: { openOperations: most, atOnce: 10_000 } });
  unheld = await startHostedPortal(seedFiles, { rules, limits: { openOperations: 1_000_000, atOnce: 10_000 } });
  for (const { portal } of [held, unheld]) {
    for (let i = 0; i < projects; i++) await deployed(portal.sql, "shop", `p${i}`);
    await deployed(portal.sql, "bank", "store");
  }
}, 180_000);
afterAll(async () => {
  await held?.close();
  await unheld?.close();
});

type Sql = HostedPortal["portal"]["sql"];
const commit = "a".repeat(40);

/** A project with one database that runs. */
async function deployed(sql: Sql, tenant: string, project: string): Promise<void> {
  const database = declared("orders");
  const spec = { ...projectOf([database]), tenant, project };
  const [hash, stack] = [specHash(spec), `${tenant}.${project}`];
  const at = { tenant, project, repository: "repo_1", commit, tree: hash, unsettled: false };
  await recordWanted(sql, { ...at, kind: "spec", spec, hash });
  await recordApplied(sql, stack, { commit, spec, hash });
  await recordStatus(sql, stack, { status: "Ready", reason: "Applied", message: "" });
  const id = databaseId(tenant, project, "orders");
  await sql.tx(async (tx) => {
    await reserveInstance(tx, { id, stack, placement: "local", spec: database, fence: 1, commit });
    await recordInstance(tx, { id, fence: 1, phase: "Ready", host: "127.0.0.1" });
  });
}

/** What the test was told: the operations that were accepted, and the pull requests among them. */
type Told = { readonly operations: readonly string[]; readonly pulls: readonly number[] };

async function run({ n, guarded }: RowInput): Promise<Trials> {
  const { portal, host } = guarded ? held : unheld;
  const violations: string[] = [];
  const shop = portal.as(await portal.tokenFor("project-admin", "shop", null));
  const bank = portal.as(await portal.tokenFor("project-admin", "bank", null));
  const before = new Set((await host.listPulls({ limit: 2000 })).map(({ number }) => number));
  let [highest, asking] = [0, true];
  const watching = (async () => {
    while (asking) highest = Math.max(highest, await countOpenOperations(portal.sql, "shop"));
  })();
  const restarts = await atOnce(projects, (i) => shop.send("POST", `${collectionOf(`p${i}`)}/orders/restart`));
  const neighbour = await bank.send("POST", `${collectionOf("store", "bank")}/orders/restart`);
  const creations = await atOnce(n - projects, (i) =>
    shop.send("POST", collectionOf(`p${i % projects}`), { name: `db${i}`, version: "18" }),
  );
  asking = false;
  await watching;
  if (highest > most) violations.push(`${highest} of the tenant's operations were open at once, ${most} may be`);
  if (neighbour.status !== 202) violations.push(`the other tenant was answered ${neighbour.status}`);
  const told = tell([...restarts, ...creations], violations);
  const wanted = tell(creations, []).pulls;
  const opened = (await host.listPulls({ limit: 2000 })).map(({ number }) => number).filter((one) => !before.has(one));
  if (sorted(opened) !== sorted(wanted))
    violations.push(`accepted were the pull requests ${sorted(wanted)}, at the Git host are ${sorted(opened)}`);
  const restarted = tell(restarts, []).operations;
  violations.push(...(await workThrough(portal.sql, restarted, neighbour.body.operation.id)));
  return { trials: n, violations, figures: { accepted: told.operations.length, highest } };
}

const atOnce = (count: number, ask: (i: number) => Promise<Answer>) =>
  Promise.all(Array.from({ length: count }, (_, i) => ask(i)));
const sorted = (numbers: readonly number[]) => [...numbers].sort((a, b) => a - b).join();

/** Each is accepted with an operation, or told when to come back. */
function tell(answers: readonly Answer[], violations: string[]): Told {
  const accepted = answers.filter(({ status }) => status === 202);
  for (const { status, body, headers } of answers) {
    if (status === 202) continue;
    if (status !== 429 || body.code !== "NEB741") violations.push(`answered ${status} ${body.code}`);
    else if (!(Number(headers.get("retry-after")) > 0)) violations.push("a 429 did not say when to come back");
  }
  return {
    operations: accepted.map(({ body }) => body.operation.id),
    pulls: accepted.flatMap(({ body }) => body.pull?.number ?? []),
  };
}

/** Workers do what was accepted. The other tenant's, which was asked for last, must not stand behind all of the storm. */
async function workThrough(sql: Sql, restarts: readonly string[], neighbour: string): Promise<string[]> {
  const order: string[] = [];
  let going = true;
  const work = async (holder: string) => {
    while (going) {
      const claim = await claimOperation(sql, { holder, types: ["RESTART"] });
      if (claim !== undefined) {
        order.push(claim.operation.id);
        await finishOperation(sql, claim, { kind: "completed", outcome: "applied" });
      } else await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  const running = Promise.all(Array.from({ length: workers }, (_, i) => work(`w${i}/1/1`)));
  try {
    await eventually("all that was accepted is done", async () => {
      const rows = await Promise.all([...restarts, neighbour].map((id) => getOperation(sql, id)));
      return rows.every((row) => row !== undefined && isEnded(row));
    });
  } finally {
    going = false;
    await running;
  }
  const place = order.indexOf(neighbour);
  return place <= order.length / 2 ? [] : [`the other tenant's was number ${place + 1} of ${order.length}`];
}

catalogueRow({
  suite: "faults",
  name: "create storm: 200 creations and restarts at once",
  promise: "the queue stays bounded, the rest is told to come back, what was accepted is done, nobody else starves",
  n: { small: 200, large: 1_000 },
  run,
  control: { without: "the limit on a tenant's open operations", n: 120 },
  timeoutMs: 120_000,
});

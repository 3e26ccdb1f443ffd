import { afterAll, beforeAll } from "vitest";
import { databaseId, type ProjectSpec, specHash } from "../../platform/spec/index.ts";
import { makePool, type Pool } from "../../platform/sql/index.ts";
import { holdFence, putFleet, quotaReached, recordWanted, reserveInstance } from "../../platform/store/index.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";
import { catalogueRow, type RowInput, type Trials } from "../harness/row.ts";
import { declared, deployShop, fleetWith } from "../portal/deployed.ts";

/** One place is left, and this many come for it at once, as `pulumi up` of a hand-written program does. */
const crowd = 100;
const limit = 3;
const commit = "a".repeat(40);

let db: TestDatabase;
let pool: Pool;
beforeAll(async () => {
  db = await testDatabase();
  pool = makePool({ url: db.url, max: 16, applicationName: "quota race" });
  await deployShop(db.sql, []);
  const roomy = { cpuUnits: 1000, memoryBytes: 2 ** 42, storageBytes: 2 ** 44 };
  await putFleet(db.sql, fleetWith({ standard: { ...roomy, databases: limit } }));
});
afterAll(async () => {
  await pool.close();
  await db.close();
});

catalogueRow({
  suite: "attacks",
  name: "quota race at limit - 1",
  promise: `of ${crowd} databases that come for the last place at once exactly one gets it`,
  n: { small: 200, large: 200 },
  run: async ({ n, random, guarded }: RowInput): Promise<Trials> => {
    await db.sql.query(`alter table instances ${guarded ? "enable" : "disable"} trigger quota`);
    const violations: string[] = [];
    for (let trial = 0; trial < n; trial++) {
      const project = `p${guarded ? "" : "x"}-${trial}`;
      const stack = `shop.${project}`;
      await open(project);
      for (let i = 0; i < limit - 1; i++) await take(db.sql, stack, `old-${i}`);
      const names = random.shuffle(Array.from({ length: crowd }, (_, i) => `new-${i}`));
      const answers = await Promise.all(names.map((name) => take(pool, stack, name)));
      // The ledger of the test: who was told yes.
      const admitted = limit - 1 + answers.filter((answer) => answer === "yes").length;
      if (admitted !== limit) violations.push(`${stack}: ${admitted} databases were admitted, the limit is ${limit}`);
      await db.sql.query("delete from instances");
    }
    return { trials: n, violations };
  },
  control: { without: "the ledger's own check", n: 3 },
});

/** A project in force, with a lease that is held: writers show its fence. */
async function open(project: string): Promise<void> {
  const spec: ProjectSpec = {
    tenant: "shop",
    project,
    placement: "local",
    region: "local",
    quota: null,
    databases: [],
  };
  const hash = specHash(spec);
  await recordWanted(db.sql, {
    ...{
      kind: "spec",
      tenant: "shop",
      project,
      repository: "repo_1",
      commit,
      tree: hash,
      spec,
      hash,
      unsettled: false,
    },
  });
  await db.sql.query("insert into stacks (stack, fence, holder, operation) values ($1, 1, 'test', 'op_test')", [
    `shop.${project}`,
  ]);
}

/** What an effect does: under the fence, a check of what is there, then the row. */
const take = (sql: Pool, stack: string, name: string): Promise<"yes" | "no"> =>
  sql
    .tx(async (tx) => {
      await holdFence(tx, stack, 1);
      const [tenant = "", project = ""] = stack.split(".");
      const id = databaseId(tenant, project, name);
      await reserveInstance(tx, {
        id,
        stack,
        placement: "local",
        spec: declared(name),
        fence: 1,
        commit,
      });
      return "yes" as const;
    })
    .catch((thrown: { readonly code?: string }) => {
      if (thrown.code !== quotaReached.definition.code) throw thrown;
      return "no" as const;
    });

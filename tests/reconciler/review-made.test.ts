/** What a review knows beside two trees: how old branches are, what can be restored, which file was there before. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { getPullRow, recordBackupLine, recordInstance, reserveInstance } from "../../platform/store/index.ts";
import { makeReviewer, type Review, type Reviewer } from "../../reconciler/review/index.ts";
import { database as spec } from "../deploy/stand.ts";
import { branchOff, database, makeWorld, seed, type World } from "./world.ts";

const folder = "tenants/acme/shop";
const branch = (name: string, options: string) =>
  `import { Branch } from "@nebuladb/platform";\n\nexport default new Branch("${name}", { of: "orders", ${options} });\n`;
const daysAgo = (days: number) => new Date(Date.now() - days * 86_400_000);

let world: World;
let reviewer: Reviewer;
beforeAll(async () => {
  const try1 = {
    [`${folder}/try-it.ts`]: branch("try-it", 'ttl: "3d"'),
    [`${folder}/old.ts`]: branch("old", 'ttl: "1h"'),
  };
  const migration = { [`${folder}/orders/migrations/0002_note.sql`]: "select 1;\n" };
  world = await makeWorld({ files: { ...seed, ...try1, ...migration } });
  reviewer = makeReviewer(world.parts);
  await world.sync();
  await world.ledger.sql.tx(async (tx) => {
    for (const name of ["try-it", "old"]) {
      const made = {
        ...spec(name),
        branch: { of: "orders", at: null, ttlSeconds: name === "old" ? 3600 : 3 * 86_400 },
      };
      const at = { id: `acme.shop.${name}` as never, stack: "acme.shop", fence: 1, commit: null };
      await reserveInstance(tx, { ...at, placement: "local", spec: made });
      await recordInstance(tx, { id: at.id, fence: 1, phase: "Ready" });
    }
  });
  await world.ledger.sql.query("update instances set created_at = now() - interval '2 days'");
  await recordBackupLine(world.ledger.sql, {
    ...{ instance: "acme.shop.orders", identity: "i1", lastSegment: null, baseLabel: "b1", baseSegment: null },
    ...{ baseAt: null, fullAt: null, storedBytes: 1, recoverableFrom: daysAgo(2), coveredTo: daysAgo(1) },
  });
});
afterAll(async () => {
  await reviewer?.close();
  await world?.close();
});

async function reviewed(name: string, files: Readonly<Record<string, string>>): Promise<Review> {
  await branchOff(world, name);
  await world.push(name, files);
  const { number } = await world.person.createPull({ title: name, body: "", head: name, base: "main" });
  await reviewer.review(await world.repository(), await world.person.getPull(number));
  const row = await getPullRow<Review>(world.ledger.sql, "repo_test", number);
  if (row?.review == null) throw new Error(`pull request ${number} was not reviewed`);
  return row.review;
}
const blocks = ({ projects, checks }: Review) => [
  checks.plan.state,
  ...projects.flatMap(({ plan }) => (plan?.blocked ?? []).map(({ database: of, code }) => `${of} ${code}`)),
];

test("a branch of a moment before the first backup is refused, one of a moment that is stored is not", async () => {
  const at = (days: number) => branch("b3", `at: "${daysAgo(days).toISOString()}"`);
  expect(blocks(await reviewed("early", { [`${folder}/b3.ts`]: at(3) }))).toEqual(["failure", "b3 NEB137"]);
  expect(blocks(await reviewed("stored", { [`${folder}/b3.ts`]: at(1.5) }))).toEqual(["success"]);
});

test("a ttl that is over already is refused, one with time left is not", async () => {
  const ends = (ttl: string) => ({ [`${folder}/try-it.ts`]: branch("try-it", `ttl: "${ttl}"`) });
  expect(blocks(await reviewed("shorter", ends("1d")))).toEqual(["failure", "try-it NEB135"]);
  expect(blocks(await reviewed("longer", ends("9d")))).toEqual(["success"]);
});

test("of two migrations with one number the new one is told, although its name comes first", async () => {
  const found = await reviewed("twin", { [`${folder}/orders/migrations/0002_color.sql`]: "select 2;\n" });
  const told = found.problems.map(({ file, code, message }) => `${file.split("/").at(-1)} ${code} ${message}`);
  expect(told).toEqual(["0002_color.sql NEB141 0002_note.sql has the number 2 already"]);
});

test("a branch that is over counts neither in the quota nor in the price, until its ttl is longer", async () => {
  const counted = ({ projects: [one] }: Review) => {
    const databases = one?.quota?.rows.find(({ resource }) => resource === "databases");
    const priced = one?.price?.databases.map(({ database: of, before, after }) => [
      of,
      before !== null,
      after !== null,
    ]);
    return { before: databases?.before, after: databases?.after, old: priced?.find(([of]) => of === "old") };
  };
  const more = await reviewed("more", { [`${folder}/carts.ts`]: database("carts") });
  expect(counted(more)).toEqual({ before: 2, after: 3, old: undefined });
  const back = await reviewed("back", { [`${folder}/old.ts`]: branch("old", 'ttl: "9d"') });
  expect(counted(back)).toEqual({ before: 2, after: 3, old: ["old", false, true] });
});

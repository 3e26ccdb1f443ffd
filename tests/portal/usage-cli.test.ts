/** Usage from the command line: what is reported, its records, and the gaps. */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { typeOf } from "../../platform/metering/index.ts";
import { putGaps, rollUp } from "../../platform/store/index.ts";
import { startPortal, type TestPortal } from "./harness.ts";

const run = promisify(execFile);
const cli = join(import.meta.dirname, "../../launcher/cli.ts");
const hour = 3_600_000;
const closed = Math.floor(Date.now() / hour) * hour - 2 * hour;

let portal: TestPortal;
let home: string;
let token: string;
beforeAll(async () => {
  portal = await startPortal();
  home = mkdtempSync(join(tmpdir(), "nebula-cli-"));
  token = await portal.tokenFor("platform-admin");
  await portal.sql.query(
    `insert into instances (id, stack, database, engine, placement, version, phase, spec, fence, commit)
     values ('shop.store.orders', 'shop.store', 'orders', 'postgres', 'aws', '18', 'Ready', '{}', 1, 'c0ffee')`,
  );
});
afterAll(async () => {
  await portal?.close();
  rmSync(home, { recursive: true, force: true });
});

const nebula = async (...args: string[]) => {
  const env = { PATH: process.env.PATH, HOME: home, NEBULA_DATA: home, NEBULA_URL: portal.url, NEBULA_TOKEN: token };
  try {
    return { code: 0, ...(await run(process.execPath, [cli, ...args], { env })) };
  } catch (thrown) {
    return thrown as { code: number; stdout: string; stderr: string };
  }
};

const event = (id: string, quantity = "12") => ({
  ...{ specversion: "1.0", id, source: "cli", type: typeOf("delta"), subject: "shop/store/orders" },
  time: new Date(closed + 1000).toISOString(),
  data: { meter: "egress_bytes", quantity },
});

it("a file of events is sent once, however often; what is refused is named, and the rest is taken", {
  timeout: 120_000,
}, async () => {
  const file = join(home, "events.jsonl");
  writeFileSync(file, `${JSON.stringify(event("a"))}\n${JSON.stringify(event("b"))}\n`);
  expect(await nebula("usage", "report", file)).toMatchObject({ code: 0, stdout: "2 accepted, 0 known already\n" });
  writeFileSync(file, JSON.stringify([event("a"), event("b"), event("b", "13"), event("c")]));
  const again = await nebula("usage", "report", file);
  expect(again).toMatchObject({ code: 1, stdout: "1 accepted, 2 known already\n" });
  expect(again.stderr).toContain("event 2 (b): NEB508");
  writeFileSync(file, "not json\n");
  expect((await nebula("usage", "report", file)).code).toBe(2);

  const many = Array.from({ length: 1_100 }, (_, i) => event(`${"long-".repeat(30)}${i}`, "0"));
  writeFileSync(file, JSON.stringify([...many, event("d", "-1")]));
  const large = await nebula("usage", "report", file);
  expect(large).toMatchObject({ code: 1, stdout: "1100 accepted, 0 known already\n" });
  expect(large.stderr).toContain("event 1100 (d): NEB503");

  await rollUp(portal.sql, closed + hour);
  const { stdout } = await nebula("usage", "records", "-o", "json");
  expect(JSON.parse(stdout)).toMatchObject([{ subject: "shop/store/orders", data: { quantity: "36", revision: 1 } }]);
  expect((await nebula("usage", "records", "--after", JSON.parse(stdout)[0].sequence)).stdout).toBe(
    "nothing to show\n",
  );
});

it("gaps are a table that says what became of their time", { timeout: 120_000 }, async () => {
  await putGaps(portal.sql, [
    { instance: "shop.store.orders", meter: null, reason: "unproved", fromMs: closed, toMs: closed + 1000 },
  ]);
  const { stdout } = await nebula("usage", "gaps", "--month", new Date(closed).toISOString().slice(0, 7));
  expect(stdout).toMatch(/NO SAMPLE FROM +TO +WHY +BILLED/);
  expect(stdout).toMatch(/shop\/store\/orders +all that is sampled +\S+ +\S+ +unproved +no/);
});

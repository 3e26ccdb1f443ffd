import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../harness/eventually.ts";
import { type Platform, startPlatform } from "./platform.ts";

let platform: Platform;
beforeAll(async () => {
  platform = await startPlatform();
}, 360_000);
afterAll(() => platform?.close(), 60_000);

type Step = { readonly step: string; readonly ms: number; readonly data: Record<string, unknown> };

test("the five databases of the examples become ready by themselves", async () => {
  const ready = await eventually(
    "five ready databases",
    async () => {
      const { stdout } = await platform.nebula("db", "list", "-o", "json");
      const rows = JSON.parse(stdout) as { phase: string | null; status: string }[];
      return rows.length === 5 && rows.every(({ phase, status }) => phase === "Ready" && status === "Ready")
        ? rows
        : false;
    },
    { timeoutMs: 60_000, everyMs: 1000 },
  );
  expect(ready).toHaveLength(5);
}, 270_000);

test("the demo tells the whole story, as data too", async () => {
  const answer = await platform.nebula("demo", "-o", "json");
  expect(answer.stderr).not.toMatch(/NEB9/);
  expect(answer.code, answer.stderr).toBe(0);
  const { steps, totalMs } = JSON.parse(answer.stdout) as { steps: Step[]; totalMs: number };
  expect(steps.map(({ step }) => step.replace(/#\d+/, "#"))).toEqual([
    "A pull request that declares a database",
    "Checks on pull request #",
    "Merge, deploy, ready",
    "Connect and run SQL",
    "A second pull request changes its compute",
    "Checks on pull request #",
    "Merge, deploy, and the data is still there",
    "The row from before the change",
    "A third pull request, broken on purpose: more compute than the project may have",
    "It is refused",
    "Usage so far (sampled every minute)",
    "The month's draft invoice",
    "Retire it",
    "Delete it; a final copy is kept",
  ]);
  expect(totalMs).toBeGreaterThanOrEqual(steps.reduce((sum, { ms }) => sum + ms, 0) - steps.length); // each is rounded
  expect(steps[3]?.data.answer).toMatch(/hello from Git, on PostgreSQL 18/);
}, 450_000);

test("the chapter on compute: asleep, awake, scaled, branched, a table lost, and back to the second before", async () => {
  const answer = await platform.nebula("demo", "--chapter", "compute", "-o", "json");
  expect(answer.code, answer.stderr).toBe(0);
  const { steps } = JSON.parse(answer.stdout) as { steps: Step[] };
  expect(steps.map(({ step }) => step)).toEqual([
    "A database that sleeps when nobody has used it for two seconds",
    "Connect through the gateway and write",
    "A backup: from now on any second can be restored",
    "Nobody connects: it falls asleep",
    "A client connects: it wakes",
    "Scale it, by a pull request",
    "A branch, for an hour",
    "Delete the branch: its file goes, and it with it",
    "Somebody drops the table",
    "What a restore to the second before would change",
    "Restore it",
    "Retire it",
    "Delete it; a final copy is kept",
  ]);
  const data = (step: string) => steps.find((one) => one.step === step)?.data ?? {};
  const { wakes } = data("A client connects: it wakes") as { wakes: Record<string, Record<string, number>> };
  const [phases] = Object.values(wakes);
  expect(Object.keys(phases ?? {})).toEqual(
    expect.arrayContaining(["accept", "start", "ready", "authenticate", "first row", "total"]),
  );
  expect(data("A branch, for an hour")).toEqual({ branch: 10, parent: 1000 });
  expect(data("What a restore to the second before would change").tables).toEqual(
    expect.arrayContaining([expect.objectContaining({ table: "public.visits", rowsNow: null, rowsThen: 1000 })]),
  );
  expect(data("Restore it")).toEqual({ rows: 1000 });
}, 450_000);

test("the chapter on data: two migrations by pull request, two users over HTTP, and what they are billed", async () => {
  const answer = await platform.nebula("demo", "--chapter", "data", "-o", "json");
  expect(answer.code, answer.stderr).toBe(0);
  const { steps } = JSON.parse(answer.stdout) as { steps: Step[] };
  const data = (step: string) => steps.find((one) => one.step === step)?.data ?? {};
  expect(steps.findLast(({ step }) => step === "The database's own record")?.data.migrations).toEqual([
    { file: "0001_lists_and_notes", state: "applied" },
    { file: "0002_done", state: "applied" },
  ]);
  const [, second] = steps.filter(({ step }) => step.startsWith("Checks on"));
  expect(second?.data.migrations).toMatchObject([
    { on: expect.stringMatching(/^a copy of/), findings: [{ id: "blocking-index", level: "warn" }] },
  ]);
  expect(data("Each reads: the same request, and their own rows")).toEqual({
    ada: [
      { text: "mow", done: false, lists: { name: "garden" } },
      { text: "water the beans", done: false, lists: { name: "garden" } },
    ],
    ben: [{ text: "answer Ada", done: false, lists: { name: "work" } }],
  });
  expect(data("What is refused")).toEqual({ changed: [], posing: "42501", nobody: "PGRST302" });
  expect(data("The month's draft invoice").invoice).toMatchObject({
    lines: expect.arrayContaining([expect.objectContaining({ meter: "api_requests" })]),
  });
}, 900_000);

test("retire, then delete: stopped first, removed second, a final copy kept", async () => {
  const follow = ["--yes", "--auto-merge", "--wait", "-o", "json"];
  const unconfirmed = await platform.nebula("db", "delete", "lab/research/scratch");
  expect(unconfirmed.code).toBe(2);
  const retired = await platform.nebula("db", "delete", "lab/research/scratch", ...follow);
  expect(retired.code, retired.stderr).toBe(0);
  expect(JSON.parse(retired.stdout)).toMatchObject({ step: "retire", operation: { state: "COMPLETED" } });
  const shown = await platform.nebula("db", "show", "research/scratch", "-o", "json");
  expect(JSON.parse(shown.stdout)).toMatchObject({ phase: "Retired", retired: true });
  const removed = await platform.nebula("db", "delete", "research/scratch", ...follow);
  expect(removed.code, removed.stderr).toBe(0);
  expect(JSON.parse(removed.stdout)).toMatchObject({ step: "delete", operation: { state: "COMPLETED" } });
  expect((await platform.nebula("db", "show", "lab/research/scratch")).code).toBe(4);
}, 270_000);

test("exit codes say what kind of failure it was", async () => {
  expect((await platform.nebula("db", "show", "acme/shop/nowhere")).code).toBe(4);
  expect((await platform.nebula("db", "create", "acme/shop/x", "--min", "0.3")).code).toBe(2);
  const refused = await platform.nebula("db", "create", "acme/shop/orders");
  expect(refused.code).toBe(5);
  expect(refused.stderr).toMatch(/NEB\d{3}/);
  const tooMuch = ["--max", "12", "--storage", "1Gi", "--tag", "team=test", "--tag", "data=none"];
  const exceeded = await platform.nebula("db", "create", "acme/shop/huge", ...tooMuch, "--auto-merge", "--wait");
  expect(exceeded.stderr).toMatch(/NEB200/);
  expect(exceeded.code).toBe(6);
}, 180_000);

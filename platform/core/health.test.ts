import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { systemClock } from "./clock.ts";
import { answerHealth, type Check, makeHealth, processMissing } from "./health.ts";
import { programCheck, roomCheck } from "./health-checks.ts";

const fine = (name: string, needed = true): Check => ({ name, needed, ask: () => undefined });
const broken = (name: string, needed: boolean): Check => ({
  ...{ name, needed },
  ask() {
    throw processMissing("secret.example.com:5432 refused user ada");
  },
});
const healthOf = (checks: readonly Check[], more: object = {}) =>
  makeHealth({ process: "portal", version: "1.2.3", checks, keepMs: 0, ...more });

test("all is well", async () => {
  const health = healthOf([fine("ledger"), fine("disk", false)]);
  expect(await health.report()).toMatchObject({ process: "portal", version: "1.2.3", status: "ok", ready: true });
  expect(health.live()).toEqual({ process: "portal", version: "1.2.3", status: "ok" });
});

test("what it can do without makes it degraded, and ready all the same", async () => {
  const report = await healthOf([fine("ledger"), broken("githost", false)]).report();
  expect(report).toMatchObject({ status: "degraded", ready: true });
  expect(report.checks[2]).toMatchObject({ name: "githost", state: "degraded", code: "NEB946" });
});

test("what it needs makes it not ready, and it lives all the same", async () => {
  const health = healthOf([broken("ledger", true), broken("githost", false)]);
  expect(await answerHealth(health, "/readyz")).toMatchObject({ status: 503 });
  expect(await answerHealth(health, "/livez")).toMatchObject({ status: 200 });
  expect(await answerHealth(health, "/metrics")).toBeUndefined();
});

test("a report says codes and titles, and no message", async () => {
  const { body = "" } = (await answerHealth(healthOf([broken("ledger", true)]), "/readyz")) ?? {};
  expect(body).toContain("No process of this kind runs");
  expect(body).not.toMatch(/secret\.example|ada/);
  const foreign = healthOf([{ name: "x", needed: true, ask: () => Promise.reject(new Error("at db.internal")) }]);
  expect(JSON.stringify(await foreign.report())).not.toContain("db.internal");
});

test("what does not answer in time is late, and is told to stop", async () => {
  let isTold = false;
  const hanging: Check = {
    ...{ name: "ledger", needed: true },
    ask: (signal) => new Promise(() => signal.addEventListener("abort", () => (isTold = true))),
  };
  const report = await healthOf([hanging], { timeoutMs: 10 }).report();
  expect(report.checks[1]).toMatchObject({ state: "down", code: "NEB942" });
  expect(isTold).toBe(true);
});

test("what hangs is not asked again beside that, and is well when it answers; after half a minute its way is taken for lost", async () => {
  const answers: (() => void)[] = [];
  let nowMs = 0;
  const clock = { ...systemClock, now: () => nowMs, monotonicMs: () => nowMs };
  const hanging: Check = { name: "ledger", needed: true, ask: () => new Promise((resolve) => answers.push(resolve)) };
  const health = healthOf([hanging], { timeoutMs: 10, clock });
  const state = async () => (await health.report()).checks[1]?.state;
  expect([await state(), await state(), await state()]).toEqual(["down", "down", "down"]);
  expect(answers).toHaveLength(1);
  nowMs = 31_000;
  expect([await state(), await state()]).toEqual(["down", "down"]);
  expect(answers).toHaveLength(2);
  const patient = healthOf([hanging], { timeoutMs: 60_000 });
  const waiting = [patient.report(), patient.report()];
  await vi.waitFor(() => expect(answers).toHaveLength(3), { timeout: 30_000 });
  answers[2]?.();
  expect((await Promise.all(waiting)).map(({ ready }) => ready)).toEqual([true, true]);
});

test("whoever asks often asks nothing twice, and since when is kept while it stays so", async () => {
  let asked = 0;
  let isBroken = false;
  let nowMs = 0;
  const clock = { ...systemClock, now: () => nowMs, monotonicMs: () => nowMs };
  const check: Check = {
    ...{ name: "ledger", needed: true },
    ask() {
      asked += 1;
      if (isBroken) throw processMissing("away");
    },
  };
  const health = healthOf([check], { clock, keepMs: 1000 });
  await Promise.all([health.report(), health.report(), health.report()]);
  expect(asked).toBe(1);
  const sinceAt = async (ms: number) => {
    nowMs = ms;
    return Date.parse((await health.report()).checks[1]?.since ?? "");
  };
  expect(await sinceAt(2000)).toBe(0);
  isBroken = true;
  expect(await sinceAt(2500)).toBe(0); // the answer of a moment ago
  expect([await sinceAt(4000), await sinceAt(6000)]).toEqual([4000, 4000]);
  isBroken = false;
  expect(await sinceAt(8000)).toBe(8000);
});

test("one that stops is not ready from that moment on, whatever was asked before", async () => {
  let isServing = true;
  const health = healthOf([fine("ledger")], { serving: () => isServing, keepMs: 60_000 });
  expect(await health.report()).toMatchObject({ ready: true });
  isServing = false;
  expect(await health.report()).toMatchObject({ ready: false, checks: [{ name: "serving", code: "NEB947" }, {}] });
});

test("a disk and a program", async () => {
  const folder = await mkdtemp(join(tmpdir(), "nebula-health-"));
  try {
    const program = join(folder, "pulumi");
    await writeFile(program, "", { mode: 0o700 });
    const report = await healthOf([
      roomCheck(folder, 0),
      { ...roomCheck(folder, 101), name: "full" },
      programCheck("pulumi", program),
      programCheck("git", join(folder, "nowhere")),
    ]).report();
    expect(report.checks.slice(1).map(({ state, code }) => [state, code])).toEqual([
      ["ok", null],
      ["degraded", "NEB943"],
      ["ok", null],
      ["degraded", "NEB945"],
    ]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

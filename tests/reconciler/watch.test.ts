import { afterAll, beforeAll, expect, test } from "vitest";
import { type Observation, systemClock } from "../../platform/core/index.ts";
import { putRepository } from "../../platform/store/index.ts";
import { makeWatch } from "../../reconciler/source/index.ts";
import { eventually } from "../harness/eventually.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
  for (const id of ["repo_a", "repo_b"])
    await putRepository(database.sql, {
      ...{ id, owner: "nebula", name: id, defaultBranch: "main", apiUrl: "http://x", gitUrl: "http://x" },
      ...{ appId: null, appKeySealed: null, installationId: null, hookSecretSealed: "", botTokenSealed: "" },
    });
});
afterAll(() => database?.close());

const watching = (pass: (id: string) => Promise<void>, pollMs = 3_600_000) => {
  const seen: Observation[] = [];
  const observe = (observation: Observation) => void seen.push(observation);
  const { sql } = database;
  const watch = makeWatch({ sql, clock: systemClock, observe, pollMs, pass: ({ id }) => pass(id) });
  return { watch, seen };
};

test("many wakes during a pass become one more pass, and never two at once", async () => {
  let [passes, now, most] = [0, 0, 0];
  let release = () => {};
  const { watch } = watching(async () => {
    passes += 1;
    now += 1;
    most = Math.max(most, now);
    await new Promise<void>((resolve) => {
      release = resolve;
    });
    now -= 1;
  });
  const first = watch.wake("repo_a");
  await eventually("the first pass runs", () => passes === 1);
  const more = Array.from({ length: 20 }, () => watch.wake("repo_a"));
  release();
  await first;
  await eventually("the second pass runs", () => passes === 2);
  release();
  await Promise.all(more);
  expect([passes, most]).toEqual([2, 1]);
  await watch.close();
});

test("a pass that fails is repeated, and another repository does not wait for it", async () => {
  const passed: string[] = [];
  const { watch, seen } = watching(async (id) => {
    passed.push(id);
    if (id === "repo_a" && passed.filter((one) => one === "repo_a").length === 1) throw new Error("the host is away");
  });
  await Promise.all([watch.wake("repo_a"), watch.wake("repo_b")]);
  await eventually("it is repeated", () => passed.filter((id) => id === "repo_a").length === 2);
  expect(passed).toContain("repo_b");
  expect(seen).toMatchObject([{ kind: "fault", where: "source.pass" }]);
  await watch.close();
});

test("the poll looks at every repository without being woken, until it is closed", async () => {
  const passed: string[] = [];
  const { watch } = watching(async (id) => void passed.push(id), 50);
  watch.start();
  await eventually("each was looked at twice", () => passed.filter((id) => id === "repo_b").length >= 2);
  await watch.close();
  const after = passed.length;
  await watch.wake("repo_a");
  expect(passed).toHaveLength(after);
});

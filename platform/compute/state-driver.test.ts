import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { Secret } from "../core/index.ts";
import { limitsFor } from "./settings.ts";
import { makeStateDriver } from "./state-driver.ts";
import type { InstanceWanted } from "./types.ts";

const dataDir = mkdtempSync(join(tmpdir(), "nebula-state-"));
afterAll(() => rmSync(dataDir, { recursive: true, force: true }));

const wish = (name: string): InstanceWanted => ({
  ...{ id: `acme.shop.${name}` as const, version: "18", units: 1, databaseName: name, ownerRole: name },
  ...{ ownerPassword: new Secret("x"), roles: [], extensions: [], allowFrom: [], storageBytes: 1, tags: {} },
  ...{ suspendAfterSeconds: 300, limits: limitsFor(1) },
});

test("an instance goes through the phases of a real one, seen by every process of the folder", async () => {
  const [one, other] = [makeStateDriver({ dataDir }), makeStateDriver({ dataDir })];
  const wanted = wish("orders");
  expect(await one.ensure(wanted)).toMatchObject({ created: true, phase: "Ready" });
  expect(await other.ensure(wanted)).toMatchObject({ created: false, changed: [] });
  expect(await other.ensure({ ...wanted, units: 2 })).toMatchObject({ changed: ["units"], units: 2 });
  expect(await one.pause(wanted.id)).toMatchObject({ phase: "Paused" });
  expect(await one.ensure(wanted)).toMatchObject({ phase: "Paused" });
  await expect(one.start(wanted.id)).rejects.toMatchObject({ code: "NEB357" });
  expect(await one.resume(wanted.id)).toMatchObject({ phase: "Ready" });
  expect(await one.freeze(wanted.id)).toMatchObject({ phase: "Frozen", running: true });
  expect(await other.wake(wanted.id)).toMatchObject({ kind: "thaw" });
  expect(await one.sleep(wanted.id)).toMatchObject({ phase: "Asleep", running: false });
  expect(await one.stop(wanted.id)).toMatchObject({ phase: "Asleep" });
  expect(await other.wake(wanted.id)).toMatchObject({ kind: "start" });
  expect(await other.wake(wanted.id)).toMatchObject({ kind: "none" });
  expect(await one.stop(wanted.id)).toMatchObject({ phase: "Stopped" });
  expect(await one.retire(wanted.id)).toMatchObject({ phase: "Retired" });
  expect(await one.remove(wanted.id)).toMatchObject({ id: wanted.id });
  expect(await other.observe(wanted.id)).toBeUndefined();
  expect(await other.finalCopies()).toHaveLength(1);
  expect(await one.purge(wanted.id)).toBe(1);
  expect(await one.finalCopies()).toHaveLength(0);
});

/** The log goes on where a standby has taken its primary's place: backups from before it, and times on both sides of it. */
import { renameSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type InstanceRunner, makeLocalRunner } from "../../platform/compute/index.ts";
import { asTenant, pgBin, wish } from "../compute/ground.ts";
import { counted } from "../compute/replicated.ts";
import { archived, type BackupGround, insert, keep, makeBackupGround, numbers } from "./ground.ts";

let ground: BackupGround;
let runner: InstanceRunner;
beforeAll(async () => {
  ground = await makeBackupGround();
  runner = await makeLocalRunner({ dataDir: ground.dataDir, pgBin: pgBin() });
});
afterAll(() => ground?.clear());

test("a database is restored to before, and to after, a standby took its primary's place", async () => {
  const { driver, backups, dataDir } = ground;
  const wanted = await archived(ground, { replicas: 1, synchronous: true, suspendAfterSeconds: 0 });
  await counted(runner, wanted);
  await backups.take(wanted.id, { kind: "full", ...keep });
  await insert(ground, wanted, 1);
  const { at } = await asTenant(driver, wanted, (sql) => sql.one<{ at: Date }>("select clock_timestamp() as at"));
  await insert(ground, wanted, 2);
  await runner.depose(wanted.id);
  renameSync(join(dataDir, "instances", wanted.id, "pgdata"), join(dataDir, "lost"));
  await runner.wake(wanted.id);
  await insert(ground, wanted, 3);
  expect(await numbers(ground, wanted)).toEqual([1, 2, 3]);
  const before = await wish();
  await backups.restoreInto(before, { of: wanted.id, target: { kind: "time", at } });
  expect(await numbers(ground, before)).toEqual([1]);
  const latest = await wish();
  await backups.restoreInto(latest, { of: wanted.id, target: { kind: "latest" } });
  expect(await numbers(ground, latest)).toEqual([1, 2, 3]);
  expect((await backups.take(wanted.id, { kind: "incremental", ...keep })).timeline).toBe(2);
  await insert(ground, wanted, 4);
  const again = await wish();
  await backups.restoreInto(again, { of: wanted.id, target: { kind: "latest" } });
  expect(await numbers(ground, again)).toEqual([1, 2, 3, 4]);
});

/** The same on a real S3 server; and with everything lost but the second location and the keys. */
import { rmSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { backupSettings, makeBackups, openStores } from "../../platform/backup/index.ts";
import { makeFileStore } from "../../platform/objects/index.ts";
import { makeGround, vault, wish } from "../compute/ground.ts";
import { codeOf } from "../harness/code-of.ts";
import { type S3Server, startS3Server } from "../harness/s3-server.ts";
import { archived, insert, keep, makeBackupGround, numbers } from "./ground.ts";

let server: S3Server;
beforeAll(async () => {
  server = await startS3Server();
}, 600_000);
afterAll(() => server?.close());

const settings = (dataDir: string) =>
  backupSettings(
    {
      NEBULA_MODE: "development",
      NEBULA_BACKUP_COPY: server.address("second"),
      NEBULA_BACKUP_COPY_ACCESS_KEY: server.credentials.accessKeyId,
      NEBULA_BACKUP_COPY_SECRET_KEY: server.credentials.secretAccessKey,
    },
    { dataDir, backups: `${dataDir}/backups` },
  );

test("a restore from the second location alone, on another machine, with the keys and nothing else", async () => {
  const first = await makeGround({ spares: 0 });
  const stores = openStores(settings(first.dataDir));
  const backups = makeBackups({ driver: first.driver, vault, ...stores });
  const source = await archived(first);
  await insert(first, source, 1);
  await backups.take(source.id, { kind: "full", ...keep });
  await insert(first, source, 2);
  await backups.take(source.id, { kind: "incremental", ...keep });
  await insert(first, source, 3);
  await first.driver.stop(source.id);
  await backups.ship(source.id);
  expect(await backups.copy(source.id)).toMatchObject({ damaged: [] });
  expect(await backups.copy(source.id)).toMatchObject({ copied: 0, deleted: 0 });
  await first.clear(); // the machine, its folders and the first location

  const second = await makeGround({ spares: 0 });
  try {
    const { store } = openStores({ on: true, store: settings(second.dataDir).second ?? { address: "" }, second: null });
    const rest = makeBackups({ driver: second.driver, vault, store });
    expect(await rest.databases()).toEqual([source.id]);
    expect(await rest.check(source.id, { deep: true })).toEqual([]);
    const again = await wish();
    await rest.restoreInto(again, { of: source.id, target: { kind: "latest" } });
    expect(await numbers(second, again)).toEqual([1, 2, 3]);
  } finally {
    await second.clear();
  }
});

test("the second location keeps what the first one lost, and does not get what is damaged there", async () => {
  const second = makeFileStore(`${process.env.TMPDIR ?? "/tmp"}/ndb-second-${process.pid}`);
  const ground = await makeBackupGround({ second });
  try {
    const { backups, store } = ground;
    const source = await archived(ground);
    await backups.take(source.id, { kind: "full", ...keep });
    await backups.copy(source.id);
    const key = (await store.list(`${source.id}/`)).find((one) => one.key.endsWith(".tar"))?.key ?? "";
    await store.delete([key]);
    expect(await backups.copy(source.id)).toMatchObject({ deleted: 0 });
    expect(await second.stat(key)).toBeDefined();
    expect(await ground.over(second).check(source.id, { deep: true })).toEqual([]);
    expect(await codeOf(backups.restoreInto(await wish(), { of: source.id, target: { kind: "latest" } }))).toBe(
      "NEB416",
    );
    const copy = await wish();
    await ground.over(second).restoreInto(copy, { of: source.id, target: { kind: "latest" } });
    expect(await numbers(ground, copy)).toEqual([]);
    // a piece that was damaged before it was copied
    await insert(ground, source, 1);
    const taken = await backups.take(source.id, { kind: "full", ...keep });
    const [line] = await backups.lines(source.id);
    const fresh = `${source.id}/${line?.identity}/base/${taken.label}.tar`;
    await store.put(fresh, Buffer.alloc(100));
    expect(await backups.copy(source.id)).toMatchObject({ damaged: [fresh] });
    expect(await second.stat(fresh)).toBeUndefined();
    expect(await ground.over(second).check(source.id, { deep: true })).toEqual([]);
    // everything lost in the first: nothing goes in the second
    const all = await second.list("");
    await store.delete((await store.list("")).map((one) => one.key));
    await backups.copy(source.id);
    expect(await second.list("")).toEqual(all);
  } finally {
    await ground.clear();
    rmSync(second.address, { recursive: true, force: true });
  }
});

test("what the retention does not need goes, in both, and everything that is left can be restored", async () => {
  const second = makeFileStore(`${process.env.TMPDIR ?? "/tmp"}/ndb-third-${process.pid}`);
  let nowMs = Date.now();
  const ground = await makeBackupGround({ second, driver: { now: () => nowMs } });
  try {
    const { backups, store } = ground;
    const source = await archived(ground);
    for (let day = 0; day < 5; day++) {
      await insert(ground, source, day);
      await backups.take(source.id, { kind: day % 2 === 0 ? "full" : "incremental", ...keep });
      nowMs += 86_400_000;
    }
    await backups.copy(source.id);
    const identity = (await ground.driver.observe(source.id))?.identity ?? null;
    const before = (await store.list("")).length;
    const expired = await backups.expire(source.id, { identity, retentionSeconds: 2 * 86_400 });
    expect(expired.bases).toBeGreaterThan(0);
    expect((await store.list("")).length).toBeLessThan(before);
    expect(await backups.check(source.id, { deep: true })).toEqual([]);
    await backups.copy(source.id);
    expect((await second.list("")).map(({ key }) => key)).toEqual((await store.list("")).map(({ key }) => key));
    const copy = await wish();
    await backups.restoreInto(copy, { of: source.id, target: { kind: "latest" } });
    expect(await numbers(ground, copy)).toEqual([0, 1, 2, 3, 4]);
    // of a database that is gone, everything goes when its last moment is older than the retention was
    await backups.expire(source.id, undefined);
    expect(await backups.databases()).toEqual([source.id]);
    nowMs += 30 * 86_400_000;
    await backups.expire(source.id, undefined);
    expect(await backups.databases()).toEqual([]);
  } finally {
    await ground.clear();
    rmSync(second.address, { recursive: true, force: true });
  }
});

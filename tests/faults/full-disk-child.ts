/**
 * Runs on a disk that is too small: `node full-disk-child.ts <dataDir> <n> <seed> <guarded>`. Random verbs at random fill levels; each
 * must succeed, or be refused with a code, and leave every file whole. Prints the trials as JSON.
 */
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type InstanceWanted, makeLocalDriver } from "../../platform/compute/index.ts";
import { asTenant, pgBin, vault, wish } from "../compute/ground.ts";
import { randomFrom } from "../harness/random.ts";
import type { Trials } from "../harness/row.ts";

const [dataDir = "", n = "0", seed = "0", guarded = "true"] = process.argv.slice(2);
const random = randomFrom(Number(seed));
const ballast = join(dataDir, "ballast");
const violations: string[] = [];

const fill = (leaveBytes: number): void => {
  const { bavail, bsize } = statfsSync(dataDir);
  for (let size = Math.max(0, bavail * bsize - leaveBytes); size >= 4096; )
    try {
      writeFileSync(ballast, Buffer.alloc(Math.min(size, 8 << 20)), { flag: "a" });
      size -= Math.min(size, 8 << 20);
    } catch {
      size = Math.floor(size / 2);
    }
};

const report: Trials = guarded === "true" ? await onDriver() : naively();
process.stdout.write(`${JSON.stringify(report)}\n`);

/** The local driver: one instance that is changed, stopped and started, and others that come and go. */
async function onDriver(): Promise<Trials> {
  const driver = await makeLocalDriver({ dataDir, pgBin: pgBin(), vault, spares: 0, reserveBytes: 0 });
  let wanted: InstanceWanted = await wish();
  await driver.ensure(wanted);
  await asTenant(driver, wanted, (sql) => sql.query("create table kept (id int primary key)"));
  const acknowledged: number[] = [];
  for (let i = 0; i < Number(n); i++) {
    fill(random.pick([0, 0, 64 << 10, 1 << 20, 4 << 20, 30 << 20]));
    const verb = random.pick(["change", "restart", "create", "write", "retag"] as const);
    const doIt = async (): Promise<unknown> => {
      if (verb === "restart") return driver.stop(wanted.id).then(() => driver.start(wanted.id));
      if (verb === "create") return driver.ensure(await wish()).then(({ id }) => driver.retire(id));
      if (verb === "write")
        return asTenant(driver, wanted, (sql) => sql.query("insert into kept values ($1)", [i])).then(() =>
          acknowledged.push(i),
        );
      const next =
        verb === "change" ? { units: random.pick([0.25, 0.5]) } : { tags: { t: "x".repeat(random.int(1, 9000)) } };
      return driver.ensure({ ...wanted, ...next }).then(() => {
        wanted = { ...wanted, ...next };
      });
    };
    const code = await doIt().then(
      () => undefined,
      (thrown: { code?: unknown }) => String(thrown.code),
    );
    if (verb !== "write" && code !== undefined && !/^NEB3[4-6]\d$/.test(code)) violations.push(`${verb}: ${code}`);
    for (const name of readdirSync(join(dataDir, "instances")))
      try {
        JSON.parse(readFileSync(join(dataDir, "instances", name, "instance.json"), "utf8"));
      } catch (thrown) {
        if ((thrown as { code?: string }).code !== "ENOENT") violations.push(`${verb}: ${name} has a broken manifest`);
      }
    rmSync(ballast, { force: true });
    if ((await driver.ensure(wanted)).phase !== "Ready") violations.push(`${verb}: not ready with space again`);
    for (const one of await driver.list()) if (one.id !== wanted.id) await discard(one.id);
  }
  const rows = await asTenant(driver, wanted, (sql) => sql.query<{ id: number }>("select id from kept"));
  for (const id of acknowledged) if (!rows.some((row) => row.id === id)) violations.push(`row ${id} is lost`);
  await driver.stop(wanted.id, "immediate");
  await driver.close();
  return { trials: Number(n), violations };

  async function discard(id: InstanceWanted["id"]): Promise<void> {
    await driver.retire(id).catch(() => undefined);
    await driver.remove(id);
    await driver.purge(id);
  }
}

/** What a program does that thinks of no full disk: it writes over the file that it has. */
function naively(): Trials {
  mkdirSync(dataDir, { recursive: true });
  const [file, copy] = [join(dataDir, "instance.json"), join(dataDir, "kept.json")];
  writeFileSync(copy, JSON.stringify({ tags: { t: "y".repeat(9000) } }));
  for (let i = 0; i < Number(n); i++) {
    copyFileSync(copy, file);
    fill(0);
    try {
      writeFileSync(file, JSON.stringify({ tags: { t: "x".repeat(random.int(10_000, 90_000)) } }));
    } catch {
      // refused, as it should be; but the old text is gone
    }
    try {
      JSON.parse(readFileSync(file, "utf8"));
    } catch {
      violations.push("a broken manifest");
    }
    rmSync(ballast, { force: true });
  }
  return { trials: Number(n), violations };
}

/**
 * Runs on a disk that is too small: `node full-disk-child.ts <dataDir>`. Prints as JSON what happened: an instance is made, the
 * disk fills up, another one is refused, the first goes on; with space again the second is made.
 */
import { readdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeLocalDriver } from "../../platform/compute/index.ts";
import { codeOf } from "../harness/code-of.ts";
import { asTenant, pgBin, vault, wish } from "./ground.ts";

const [dataDir = "", reserve = "0"] = process.argv.slice(2);
const driver = await makeLocalDriver({ dataDir, pgBin: pgBin(), vault, spares: 0, reserveBytes: Number(reserve) });
const [first, second] = [await wish(), await wish()];
const report: Record<string, unknown> = {};
const { id } = await driver.ensure(first);
await asTenant(driver, first, (sql) => sql.query("create table kept (id int); insert into kept values (1)"));

const ballast = join(dataDir, "ballast");
const { bavail, bsize } = statfsSync(dataDir);
writeFileSync(ballast, Buffer.alloc(Math.max(0, bavail * bsize - 12 * 1024 ** 2)));
report.refused = await codeOf(driver.ensure(second));
report.leftAfterRefusal = [...readdirSync(join(dataDir, "instances")), ...readdirSync(join(dataDir, "retired"))].filter(
  (name) => name !== id,
);
report.templateWhole = readdirSync(join(dataDir, "template"));
report.rows = await asTenant(driver, first, (sql) => sql.query("select id from kept"));
rmSync(ballast);
report.madeLater = (await driver.ensure(second)).created;

await driver.stop(second.id);
fill();
report.startRefused = await codeOf(driver.start(second.id));
fill();
report.changeRefused = await codeOf(driver.ensure({ ...first, units: 1, tags: { long: "x".repeat(20_000) } }));
report.removedOnFullDisk = (await driver.remove(second.id))?.id === second.id;
rmSync(ballast);
report.startedLater = (await driver.ensure({ ...first, units: 1 })).phase;
report.rowsLater = await asTenant(driver, first, (sql) => sql.query("select id from kept"));
await driver.stop(first.id, "immediate");
await driver.close();
process.stdout.write(`${JSON.stringify(report)}\n`);

function fill(): void {
  for (let size = 1024 * 1024; size >= 4096; )
    try {
      writeFileSync(ballast, Buffer.alloc(size), { flag: "a" });
    } catch {
      size /= 2;
    }
}

/** Ensures one instance in a process of its own, so that it can be killed: `node ensure-child.ts <dataDir> <id>`. */
import { makeLocalDriver } from "../../platform/compute/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import { pgBin, vault, wish } from "./ground.ts";

const [dataDir = "", id = ""] = process.argv.slice(2);
const driver = await makeLocalDriver({ dataDir, pgBin: pgBin(), vault });
const wanted = await wish({ id: id as DatabaseId });
process.stdout.write("go\n");
await driver.ensure(wanted);
process.stdout.write("done\n");
await driver.close();

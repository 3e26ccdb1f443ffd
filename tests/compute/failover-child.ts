/** One of several processes that look after standbys, to be killed: `node failover-child.ts <dataDir>`. */
import { makeStandbyGuard, replicatedIn } from "../../gateway/standbys/index.ts";
import { makeLocalRunner } from "../../platform/compute/index.ts";
import { pgBin } from "./ground.ts";

const [dataDir = ""] = process.argv.slice(2);
const observe = (observation: unknown) => console.log(JSON.stringify(observation));
const runner = await makeLocalRunner({ dataDir, pgBin: pgBin(), observe });
makeStandbyGuard({ runner, replicated: () => replicatedIn(dataDir), observe, everyMs: 50 }).start();
console.log("watching");

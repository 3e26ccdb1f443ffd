/** A supervisor in a process of its own, to be killed: `node stand-in-supervisor.ts <data> <port>`. */
import { join } from "node:path";
import { layout, supervise } from "../../launcher/index.ts";
import { makeLogger } from "../../platform/core/index.ts";
import { scripts } from "./platform.ts";

const [, , data = "", port = "", replicas = "1"] = process.argv;
await supervise({
  folder: layout(join(data)),
  port: Number(port),
  replicas: Number(replicas),
  pgBin: process.env.NEBULA_PG_BIN ?? "",
  pulumiBin: "",
  env: process.env,
  observe: makeLogger("supervisor"),
  step: () => {},
  scripts,
});
console.log("ready");

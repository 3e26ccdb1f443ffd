/** Stands in for portal/main.ts, reconciler/main.ts or gateway/main.ts where the supervisor is what is tested: serves, and ends on SIGTERM. */
import { spawn } from "node:child_process";
import { createServer } from "node:http";

const [, , name = ""] = process.argv;
const behaviour = process.env.STAND_IN ?? "";
if (behaviour === "fail") {
  console.error("cannot go on: the moon is full");
  process.exit(3);
}
if (behaviour === "fail in JSON") {
  const fault = { code: "NEB901", message: "NEBULA_POLL_SECONDS must be a whole number", hint: "Correct it." };
  console.error(JSON.stringify({ level: "error", process: "portal", ...fault }));
  process.exit(1);
}
const { NEBULA_SERVE: serve = "api,forge", NEBULA_API_PORT: apiPort, NEBULA_WEB_PORT: webPort } = process.env;
const first = Number(process.env.NEBULA_PORT);
const portal = serve === "forge" ? first + 1 : Number(apiPort ?? first);
const port = name === "portal" ? portal : name === "gateway" ? first + 92 : Number(webPort ?? first + 3);
// A child of its own, as the reconciler has them.
spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
const server = createServer((_, response) => response.end(JSON.stringify({ pid: process.pid, name })));
server.listen(port, "127.0.0.1", () => {
  if (name === "portal" && serve !== "api") console.log(JSON.stringify({ adminToken: "ndb_test" }));
  if (name === "portal" && serve !== "forge") console.log(JSON.stringify({ setupToken: "nde_test" }));
  console.log(JSON.stringify({ ready: true, process: name }));
});
process.on("SIGTERM", () => process.exit(0));

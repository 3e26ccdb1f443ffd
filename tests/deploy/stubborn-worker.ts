/** A worker that ignores every request to stop, and has children and grandchildren that do too. Only `resume` is ever answered. */
import { spawn } from "node:child_process";
import type { FromWorker, ToWorker } from "../../reconciler/deploy/index.ts";

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);
const say = (message: FromWorker) => process.send?.(message);
process.on("message", (message: ToWorker) => {
  if (message.kind === "settings") say({ kind: "warm" });
  if (message.kind !== "job") return;
  const { id, job } = message;
  if (job.kind === "act" && job.verb === "resume")
    return say({ kind: "done", id, result: { kind: "acted", faults: [] } });
  spawn("sh", ["-c", `trap "" INT TERM HUP; (trap "" INT TERM HUP; sleep 600) & sleep 600`], { stdio: "ignore" });
  say({ kind: "progress", progress: { phase: "provider", message: "stuck" } });
});

/**
 * The supervisor as a process of its own: `node launcher/supervise.ts <data> <port or nothing> <replicas or nothing>`, started by `up --detach`, which it tells
 * how far it is (`Report`) until it is ready. Afterwards it lives without anybody.
 */
import { rmSync } from "node:fs";
import { asNebulaError, makeLogger, reportFault, returnMemoryOfStart } from "../platform/core/index.ts";
import { layout } from "./data-folder.ts";
import { tryLock } from "./lock.ts";
import type { PlatformFile } from "./platform-file.ts";
import { lockPath } from "./running.ts";
import { type Running, supervise } from "./supervisor.ts";

export type Report =
  | { readonly kind: "step"; readonly text: string }
  | { readonly kind: "busy" }
  | {
      readonly kind: "ready";
      readonly platform: PlatformFile;
      readonly adminToken?: string;
      readonly setupToken?: string;
    }
  | {
      readonly kind: "failed";
      readonly code: string;
      readonly message: string;
      readonly hint: string;
      readonly status: number;
    };

const [, , data = "", port = "", replicas = ""] = process.argv;
const { NEBULA_PG_BIN: pgBin = "", NEBULA_PULUMI_BIN: pulumiBin = "" } = process.env;
const folder = layout(data);
const observe = makeLogger("supervisor");

process.on("disconnect", () => {}); // who started us may go
const report = (message: Report) =>
  new Promise<void>((resolve) => {
    if (process.connected) process.send?.(message, undefined, undefined, () => resolve());
    else resolve();
  });

if (tryLock(lockPath(folder))) await live();
else await report({ kind: "busy" });
if (process.connected) process.disconnect();

async function live(): Promise<void> {
  const release = () => rmSync(lockPath(folder), { recursive: true, force: true });
  const { promise: asked, resolve: ask } = Promise.withResolvers<string>();
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => ask(signal));
  let running: Running;
  try {
    running = await supervise({
      folder,
      port: port === "" ? undefined : Number(port),
      replicas: replicas === "" ? undefined : Number(replicas),
      pgBin,
      pulumiBin,
      env: process.env,
      observe,
      step: (text) => void report({ kind: "step", text }),
    });
  } catch (thrown) {
    const { code, message, hint, status, stack } = asNebulaError(thrown);
    observe({ kind: "fault", where: "supervisor", code, message, ...(stack === undefined ? {} : { stack }) });
    await report({ kind: "failed", code, message, hint, status });
    release();
    return;
  }
  const { platform, adminToken, setupToken } = running;
  const tokens = {
    ...(adminToken === undefined ? {} : { adminToken }),
    ...(setupToken === undefined ? {} : { setupToken }),
  };
  await report({ kind: "ready", platform, ...tokens });
  if (process.connected) process.disconnect();
  returnMemoryOfStart();
  const reason = await asked;
  observe({ kind: "process.stopping", process: "supervisor", reason });
  await running.stop().catch((thrown) => reportFault(observe, "supervisor", thrown));
  release();
  process.exit(0);
}

/** gateway/main.ts as a process, over a data folder that has instances and nothing else: no portal, no reconciler, no ledger. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { freePort } from "../harness/ports.ts";

export type GatewayProcess = {
  readonly direct: number;
  /** Serves where PgBouncer is there. */
  readonly pooled: number;
  readonly web: number;
  readonly api: number;
  readonly pid: number;
  /** What it logged so far. */
  log(): readonly Readonly<Record<string, unknown>>[];
  metrics(): Promise<string>;
  stop(signal?: NodeJS.Signals): Promise<void>;
};

export async function startGateway(
  dataDir: string,
  env: Readonly<Record<string, string>> = {},
  first?: number,
): Promise<GatewayProcess> {
  const port = first ?? (await freePort(4));
  const child: ChildProcess = spawn(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", join(import.meta.dirname, "../../gateway/main.ts")],
    {
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...process.env,
        ...{ NEBULA_DATA: dataDir, NEBULA_PG_BIN: process.env.NEBULA_PG_BIN ?? "", NEBULA_LOG_LEVEL: "debug" },
        NEBULA_GATEWAY_PORT: String(port),
        NEBULA_POOL_PORT: String(port + 1),
        NEBULA_GATEWAY_WEB_PORT: String(port + 2),
        NEBULA_GATEWAY_API_PORT: String(port + 3),
        ...env,
      },
    },
  );
  const lines: string[] = [];
  if (child.stdout === null || child.stderr === null) throw new Error("no pipes");
  createInterface({ input: child.stderr }).on("line", (line) => lines.push(line));
  const ended = once(child, "exit");
  const ready = once(createInterface({ input: child.stdout }), "line");
  await Promise.race([ready, ended.then(() => Promise.reject(new Error(`the gateway ended: ${lines.join("\n")}`)))]);
  return {
    ...{ direct: port, pooled: port + 1, web: port + 2, api: port + 3, pid: child.pid ?? 0 },
    log: () => lines.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line)),
    metrics: async () => (await fetch(`http://127.0.0.1:${port + 2}/metrics`)).text(),
    async stop(signal = "SIGTERM") {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill(signal);
      await ended;
    },
  };
}

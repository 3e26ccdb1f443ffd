/** `pg_receivewal`: writes the ledger's log into the archive as it comes, one process beside the ledger. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { endByPidFile, writePid } from "../pid-file.ts";
import type { LedgerAccess } from "./access.ts";
import { runTool, toolEnvironment, toolPath } from "./programs.ts";

export const receiverName = "nebula_archive";

export type Receiver = {
  isAlive(): boolean;
  stop(): Promise<void>;
};

const pidFile = ({ folder }: LedgerAccess) => join(folder.run, "ledger-archive.pid");

/** Ends one that a killed supervisor left, then starts one. It ends by itself when the ledger does. */
export async function startReceiver(access: LedgerAccess, wal: string): Promise<Receiver> {
  const program = toolPath(access.pgBin, "pg_receivewal");
  await endByPidFile(pidFile(access), 1_000);
  const { passFile, target } = access.stream;
  const slot = ["--slot", receiverName];
  await runTool(program, [...slot, "--create-slot", "--if-not-exists", ...target()], {
    passFile,
    timeoutMs: 10_000,
  });
  const log = openSync(join(access.folder.log, "ledger-archive.log"), "a", 0o640);
  const where = ["--directory", wal, ...slot, "--dbname", `application_name=${receiverName}`, ...target()];
  const child: ChildProcess = spawn(program, [...where, "--no-loop", "--status-interval", "1"], {
    cwd: "/",
    env: toolEnvironment(passFile),
    stdio: ["ignore", log, log],
    detached: true,
  });
  closeSync(log);
  child.on("error", () => {});
  if (child.pid !== undefined) writePid(pidFile(access), child.pid);
  const isAlive = () => child.exitCode === null && child.signalCode === null && child.pid !== undefined;
  return {
    isAlive,
    async stop() {
      if (isAlive()) child.kill("SIGINT");
      for (const deadline = performance.now() + 2_000; isAlive() && performance.now() < deadline; ) await sleep(10);
      await endByPidFile(pidFile(access), 0);
    },
  };
}

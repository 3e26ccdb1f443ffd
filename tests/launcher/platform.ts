/** A data folder and a supervisor over stand-in mains, cleared away by `close`. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DataFolder, layout, prepareData, type Running, supervise, takeDown } from "../../launcher/index.ts";
import { resolveOsUser } from "../../platform/compute/index.ts";
import type { Observation } from "../../platform/core/index.ts";
import { freePort } from "../harness/ports.ts";

export const scripts = {
  portal: join(import.meta.dirname, "stand-in-portal.ts"),
  reconciler: join(import.meta.dirname, "stand-in-reconciler.ts"),
  gateway: join(import.meta.dirname, "stand-in-gateway.ts"),
};

export type TestPlatform = {
  readonly folder: DataFolder;
  readonly port: number;
  readonly seen: Observation[];
  start(env?: Readonly<Record<string, string>>, replicas?: number | "as last time"): Promise<Running>;
  close(): Promise<void>;
};

export async function makeTestPlatform(): Promise<TestPlatform> {
  const folder = layout(mkdtempSync(join(tmpdir(), "nebula-up-")));
  prepareData(folder, await resolveOsUser());
  const port = await freePort(93);
  const seen: Observation[] = [];
  return {
    folder,
    port,
    seen,
    start: (env = {}, replicas = 1) =>
      supervise({
        folder,
        port,
        replicas: replicas === "as last time" ? undefined : replicas,
        pgBin: process.env.NEBULA_PG_BIN ?? "",
        pulumiBin: "",
        env: { ...process.env, ...env },
        observe: (observation) => void seen.push(observation),
        step: () => {},
        scripts,
      }),
    async close() {
      await takeDown(folder, process.env);
      rmSync(folder.root, { recursive: true, force: true });
    },
  };
}

/** Pids of every process that belongs to the platform: marked by the supervisor, or working inside its data folder. */
export function processesOf(folder: DataFolder): number[] {
  const mentions = (pid: number, file: string) => {
    try {
      return readFileSync(`/proc/${pid}/${file}`, "utf8").includes(folder.root);
    } catch {
      return false;
    }
  };
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid && (mentions(pid, "cmdline") || mentions(pid, "environ")));
}

export async function askMain(port: number): Promise<{ pid: number; name: string }> {
  const response = await fetch(`http://127.0.0.1:${port}/`);
  return (await response.json()) as { pid: number; name: string };
}

/** A real portal process on a real ledger of its own, for as long as a scope lasts. */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { findPostgres, quiet, resolvePostgres } from "../../launcher/index.ts";
import { makePostgresServer } from "../../platform/compute/index.ts";
import { type Scope, Secret } from "../../platform/core/index.ts";
import { connectOnce, type Sql } from "../../platform/sql/index.ts";
import { migrate } from "../../platform/store/index.ts";
import { progress } from "./report.ts";
import { freePort } from "./sides.ts";

export type PortalProcess<T> = {
  readonly url: string;
  /** Of the portal, and of the ledger's server. */
  readonly pid: number;
  readonly ledgerPid: number;
  readonly ledgerUrl: Secret;
  /** What `fill` answered. */
  readonly ledger: T;
};

const root = join(import.meta.dirname, "../..");

/** @param fill what stands in the ledger before the portal starts. */
export async function openPortal<T>(into: Scope, fill: (sql: Sql) => Promise<T>): Promise<PortalProcess<T>> {
  const home = into.add(mkdtempSync(join(tmpdir(), "nebula-bench-portal-")), (path) =>
    rmSync(path, { recursive: true, force: true }),
  );
  chmodSync(home, 0o711);
  const { binDir: pgBin } = (await findPostgres(process.env)) ?? (await resolvePostgres(process.env, quiet));
  const server = into.add(
    await makePostgresServer({
      ...{ pgBin, port: await freePort(), password: new Secret("bench"), databases: ["nebula", "forge"] },
      ...{ dataDir: join(home, "ledger"), socketDir: join(home, "run") },
    }),
    (it) => it.stop("immediate"),
  );
  const { pid: ledgerPid } = await server.start();
  progress("filling the ledger");
  const ledger = await connectOnce(server.url("nebula"), async (sql) => {
    await migrate(sql);
    return fill(sql);
  });
  const port = await freePort();
  const child = into.add(
    spawn(process.execPath, ["--disable-warning=ExperimentalWarning", join(root, "portal/main.ts")], {
      env: {
        ...{ PATH: process.env.PATH, HOME: home, NEBULA_MODE: "development" },
        ...{ NEBULA_DATA: join(home, "data"), NEBULA_PORT: String(port) },
        NEBULA_LEDGER_URL: server.url("nebula").reveal(),
        NEBULA_FORGE_DATABASE_URL: server.url("forge").reveal(),
        NEBULA_MASTER_KEY: randomBytes(32).toString("base64"),
        ...(process.env.NODE_OPTIONS === undefined ? {} : { NODE_OPTIONS: process.env.NODE_OPTIONS }),
      },
      stdio: ["ignore", "pipe", "inherit"],
    }),
    stop,
  );
  await readyOf(child);
  return { url: `http://127.0.0.1:${port}`, pid: child.pid ?? 0, ledgerPid, ledgerUrl: server.url("nebula"), ledger };
}

function readyOf(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once("exit", (code) => reject(new Error(`the portal ended with ${code}`)));
    if (child.stdout !== null)
      createInterface({ input: child.stdout }).on("line", (line) => {
        if (line.includes('"ready":true')) resolve();
      });
  });
}

function stop(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null) return resolve();
    child.once("exit", () => resolve());
    child.kill("SIGTERM");
  });
}

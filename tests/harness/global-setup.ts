/** Once a vitest run: names the tools for the workers, lends them one Postgres when the first asks, and clears everything away. */
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  canEnter,
  findPostgres,
  initialise,
  makeFolderFor,
  type PostgresServer,
  quiet,
  resolvePostgres,
  startPostgres,
  stopPostgres,
  unprivilegedUser,
  urlOf,
} from "../../launcher/index.ts";
import { Secret } from "../../platform/core/index.ts";
import { connectOnce, type Sql } from "../../platform/sql/index.ts";
import { freePort } from "./ports.ts";
import { ledgerTemplate, socketVariable, withDatabase } from "./postgres.ts";

export default async function setup(): Promise<() => Promise<void>> {
  const user = unprivilegedUser();
  const home = mkdtempSync(join([tmpdir(), "/tmp"].find((folder) => canEnter(folder, user)) ?? "/tmp", "nebula-test-"));
  makeFolderFor(user, home, 0o700);
  const postgres = (await findPostgres(process.env)) ?? (await resolvePostgres(process.env, quiet));
  process.env.NEBULA_PG_BIN = postgres.binDir;
  process.env[socketVariable] = join(home, "run.sock");

  let lent: Promise<PostgresServer> | undefined;
  const lend = () => {
    lent ??= startServer(home, postgres.binDir);
    return lent;
  };
  const socket = createServer((client) => {
    client.on("error", () => {});
    lend().then(
      (server) =>
        client.end(JSON.stringify({ url: urlOf(server, "postgres").reveal(), port: server.port, pgBin: server.pgBin })),
      (problem) => client.end(JSON.stringify({ problem: String(problem) })),
    );
  });
  await new Promise<void>((resolve) => socket.listen(process.env[socketVariable], resolve));

  return async () => {
    await new Promise((resolve) => socket.close(resolve));
    if (lent) await lent.then((server) => stopPostgres(server.dataDir, "immediate")).catch(() => {});
    rmSync(home, { recursive: true, force: true });
  };
}

async function startServer(home: string, pgBin: string): Promise<PostgresServer> {
  const server: PostgresServer = {
    pgBin,
    dataDir: join(home, "data"),
    socketDir: home,
    logFile: join(home, "postgres.log"),
    port: await freePort(),
    password: new Secret("test"),
    user: unprivilegedUser(),
    settings: {
      fsync: "off",
      synchronous_commit: "off",
      full_page_writes: "off",
      shared_buffers: "64MB",
      max_connections: "100",
      io_method: "sync",
      autovacuum: "off",
    },
  };
  await initialise(server);
  await startPostgres(server);
  const url = urlOf(server, "postgres");
  await connectOnce(url, (sql) => sql.query(`create database ${ledgerTemplate}`));
  await connectOnce(withDatabase(url, ledgerTemplate), migrateLedger);
  return server;
}

async function migrateLedger(sql: Sql): Promise<void> {
  const store = new URL("../../platform/store/index.ts", import.meta.url);
  if (existsSync(store)) {
    const { migrate } = (await import(store.href)) as { migrate(sql: Sql): Promise<unknown> };
    await migrate(sql);
    return;
  }
  for (const file of globSync(join(import.meta.dirname, "../../platform/store/migrations/*.sql")).sort())
    await sql.query(readFileSync(file, "utf8"));
}

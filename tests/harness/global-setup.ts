/** Once a vitest run: names the tools for the workers, lends them one Postgres when the first asks, and clears everything away. */
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import {
  canEnter,
  findLanguageHost,
  findPgBouncer,
  findPostgres,
  findPulumi,
  quiet,
  resolvePostgres,
} from "../../launcher/index.ts";
import { makePostgresServer, type PostgresServer, resolveOsUser } from "../../platform/compute/index.ts";
import { Secret } from "../../platform/core/index.ts";
import { connectOnce } from "../../platform/sql/index.ts";
import { prepareLedger } from "../../platform/store/index.ts";
import { freePort } from "./ports.ts";
import { appPassword, ledgerTemplate, socketVariable } from "./postgres.ts";

export default async function setup(): Promise<() => Promise<void>> {
  const user = await resolveOsUser();
  const home = mkdtempSync(join([tmpdir(), "/tmp"].find((folder) => canEnter(folder, user)) ?? "/tmp", "nebula-test-"));
  chmodSync(home, 0o711);
  const postgres = (await findPostgres(process.env)) ?? (await resolvePostgres(process.env, quiet));
  process.env.NEBULA_PG_BIN = postgres.binDir;
  await namePulumi(process.env);
  const pgBouncer = await findPgBouncer(process.env);
  if (pgBouncer !== undefined) process.env.NEBULA_PGBOUNCER_BIN = pgBouncer.path;
  process.env[socketVariable] = join(home, "run.sock");

  let lent: Promise<Lent> | undefined;
  const lend = () => {
    lent ??= startServer(home, postgres.binDir);
    return lent;
  };
  const socket = createServer((client) => {
    client.on("error", () => {});
    lend().then(
      ({ url, port }) => client.end(JSON.stringify({ url: url.reveal(), port, pgBin: postgres.binDir })),
      (problem) => client.end(JSON.stringify({ problem: String(problem) })),
    );
  });
  await new Promise<void>((resolve) => socket.listen(process.env[socketVariable], resolve));

  return async () => {
    await new Promise((resolve) => socket.close(resolve));
    await lent?.then(({ server }) => server.stop("immediate")).catch(() => {});
    rmSync(home, { recursive: true, force: true });
  };
}

/** What `nebula test` has prepared. Nothing is built here: a test that needs what is missing says so. */
async function namePulumi(env: NodeJS.ProcessEnv): Promise<void> {
  const pulumi = await findPulumi(env);
  if (pulumi === undefined) return;
  env.NEBULA_PULUMI_BIN = pulumi.path;
  const languageHost = findLanguageHost(pulumi, env);
  if (languageHost) env.PATH = `${env.PATH}${delimiter}${dirname(languageHost)}`;
}

type Lent = { readonly server: PostgresServer; readonly url: Secret; readonly port: number };

async function startServer(home: string, pgBin: string): Promise<Lent> {
  const port = await freePort();
  const server = await makePostgresServer({
    pgBin,
    port,
    dataDir: join(home, "server"),
    socketDir: join(home, "socket"),
    password: new Secret("test"),
    databases: [ledgerTemplate],
    settings: {
      fsync: "off",
      synchronous_commit: "off",
      full_page_writes: "off",
      shared_buffers: "64MB",
      max_connections: "100",
      autovacuum: "off",
    },
  });
  await server.start();
  await connectOnce(server.url(ledgerTemplate), (owner) => prepareLedger(owner, appPassword));
  return { server, url: server.url("postgres"), port };
}

import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makePostgresServer, type PostgresServerOptions } from "../../platform/compute/index.ts";
import { Secret } from "../../platform/core/index.ts";
import { connectOnce } from "../../platform/sql/index.ts";
import { codeOf } from "../harness/code-of.ts";
import { eventually } from "../harness/eventually.ts";
import { freePort } from "../harness/ports.ts";
import { pgBin } from "./ground.ts";

let home: string;
let options: PostgresServerOptions;
beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), "ndb-"));
  chmodSync(home, 0o755);
  options = {
    ...{ dataDir: join(home, "ledger"), socketDir: join(home, "run"), pgBin: pgBin(), port: await freePort() },
    ...{ password: new Secret("secret"), databases: ["nebula", "forge"] },
  };
});
afterAll(async () => {
  await (await makePostgresServer(options)).stop("immediate");
  rmSync(home, { recursive: true, force: true });
});

const ask = (url: Secret) => connectOnce(url, (sql) => sql.one("select current_database() as at"));

test("is made once, adopted afterwards, reached by TCP and by its socket with a password", async () => {
  const server = await makePostgresServer(options);
  const started = await server.start();
  expect(started).toMatchObject({ created: true, adopted: false });
  expect(await ask(server.url("nebula"))).toEqual({ at: "nebula" });
  expect(await ask(server.socketUrl("forge"))).toEqual({ at: "forge" });
  const another = await makePostgresServer(options);
  expect(await another.start()).toEqual({ created: false, adopted: true, pid: started.pid });
  const wrong = await makePostgresServer({ ...options, password: new Secret("wrong") });
  expect(await codeOf(ask(wrong.url("nebula")))).toBe("NEB914");
});

test("two that start it at once make one", async () => {
  const servers = await Promise.all([makePostgresServer(options), makePostgresServer(options)]);
  await servers[0].stop();
  const both = await Promise.all(servers.map((server) => server.start()));
  expect(both[0]?.pid).toBe(both[1]?.pid);
});

test("other settings, another port and new databases are taken over", async () => {
  const port = await freePort();
  const server = await makePostgresServer({
    ...options,
    port,
    databases: ["nebula", "more"],
    settings: { work_mem: "7MB" },
  });
  await server.start();
  expect(await connectOnce(server.url("more"), (sql) => sql.one("show work_mem"))).toEqual({ work_mem: "7MB" });
  options = { ...options, port };
});

test("after a kill it starts again, also when another process has its pid by now", async () => {
  const server = await makePostgresServer(options);
  const { pid } = await server.start();
  process.kill(pid, "SIGKILL");
  await eventually("it is gone", async () => (await server.find()) === undefined);
  const file = join(options.dataDir, "pgdata", "postmaster.pid");
  const text = readFileSync(file, "utf8");
  writeFileSync(file, text.replace(/^\d+/, String(process.pid)));
  writeFileSync(join(options.socketDir, `.s.PGSQL.${options.port}.lock`), text.replace(/^\d+/, String(process.pid)));
  expect(await server.start()).toMatchObject({ created: false, adopted: false });
  expect(await ask(server.url("nebula"))).toEqual({ at: "nebula" });
});

test("half a cluster is never built over", async () => {
  const dataDir = join(home, "half");
  const server = await makePostgresServer({ ...options, dataDir, port: await freePort() });
  await server.start();
  await server.stop();
  rmSync(join(dataDir, "pgdata", "global"), { recursive: true });
  expect(await codeOf(server.start())).toBe("NEB356");
});

/** Each thing that can be away (docs/health.md): who says so, with which code, and who goes on as before. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type HealthReport,
  ignoreObservations,
  makeMetrics,
  programCheck,
  roomCheck,
} from "../../platform/core/index.ts";
import { markHost, replicasCheck, standbysCheck } from "../../platform/store/index.ts";
import { makeHosts, makeWeb, type Web } from "../../reconciler/source/index.ts";
import { startGateway } from "../gateway/gateway-process.ts";
import { eventually } from "../harness/eventually.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";
import { startPortal, type TestPortal, testVault } from "../portal/harness.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "nebula-degraded-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

type Said = { readonly status: number; readonly body: HealthReport };
const ask = async (url: string, path: string): Promise<Said> => {
  const response = await fetch(`${url}${path}`);
  return { status: response.status, body: (await response.json()) as HealthReport };
};
const parts = ({ body }: Said) => Object.fromEntries(body.checks.map(({ name, state, code }) => [name, [state, code]]));

/** As its metrics say it. */
async function levels(url: string): Promise<Record<string, string>> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const lines = [...text.matchAll(/^nebuladb_health_state\{[^}]*check="(\w+)"[^}]*\} (\d)$/gm)];
  return Object.fromEntries(lines.map(([, check = "", level = ""]) => [check, level]));
}

/** Answers of a moment ago stand for a second: asked until it is so. */
const untilSaid = (url: string, name: string, wanted: readonly [string, string | null]) =>
  eventually(`${name} is ${wanted.join(" ")}`, async () => {
    const said = await ask(url, "/readyz");
    return parts(said)[name]?.join() === wanted.join() ? said : undefined;
  });

const repository = `insert into repositories (id, owner, name, api_url, git_url, hook_secret_sealed, bot_token_sealed)
  values ('repo_1', 'nebula', 'tenants', 'http://127.0.0.1:9', 'http://127.0.0.1:9', 'x', 'x')`;

describe("a portal", () => {
  let portal: TestPortal;
  beforeAll(async () => {
    portal = await startPortal();
    await portal.sql.query(repository);
  });
  afterAll(() => portal?.close());

  test("says that all is well, in the shape of every process", async () => {
    const { status, body } = await ask(portal.url, "/readyz");
    expect([status, body.process, body.version, body.status, body.ready]).toEqual([200, "portal", "0.1.0", "ok", true]);
    expect(await ask(portal.url, "/livez")).toEqual({
      ...{ status: 200, body: { status: "ok", process: "portal", version: "0.1.0" } },
    });
  });

  test("is degraded, and ready, while a Git host is away", async () => {
    await markHost(portal.sql, "repo_1", { code: "NEB680", reason: "it answers 502 at secret.example.com" });
    const { status, body } = await untilSaid(portal.url, "githosts", ["degraded", "NEB948"]);
    expect([status, body.status, body.ready]).toEqual([200, "degraded", true]);
    expect(JSON.stringify(body)).not.toContain("secret.example.com");
    await markHost(portal.sql, "repo_1");
    expect((await untilSaid(portal.url, "githosts", ["ok", null])).body.status).toBe("ok");
  });

  test("says the same to Prometheus", async () => {
    const full = await startPortal({ beside: portal, checks: [roomCheck(folder, 101)] });
    try {
      expect(await levels(full.url)).toMatchObject({ serving: "0", ledger: "0", disk: "1" });
    } finally {
      await full.close();
    }
  });

  test("is not ready, and lives, while the ledger is away", async () => {
    const gone = await startPortal({ beside: portal });
    await gone.sql.close();
    const { status, body } = await untilSaid(gone.url, "ledger", ["down", "NEB910"]);
    expect([status, body.status, body.ready]).toEqual([503, "down", false]);
    expect((await ask(gone.url, "/livez")).status).toBe(200);
    gone.server.closeAllConnections();
    gone.server.close();
  });

  test("is not ready any more from the moment that it is asked to stop", async () => {
    const stopping = await startPortal({ beside: portal });
    try {
      expect((await ask(stopping.url, "/readyz")).status).toBe(200);
      stopping.draining.abort();
      const said = await ask(stopping.url, "/readyz");
      expect([said.status, parts(said).serving]).toEqual([503, ["down", "NEB947"]]);
    } finally {
      await stopping.close();
    }
  });

  test("is degraded while its disk is nearly full", async () => {
    const full = await startPortal({ beside: portal, checks: [roomCheck(folder, 101)] });
    try {
      const said = await ask(full.url, "/readyz");
      expect([said.status, parts(said).disk]).toEqual([200, ["degraded", "NEB943"]]);
    } finally {
      await full.close();
    }
  });

  test("is degraded while no reconciler runs, and while one has stopped beating", async () => {
    const watching = await startPortal({ beside: portal, checks: [replicasCheck(portal.sql, ["reconciler"])] });
    const beat = (id: string, ago: string) =>
      portal.sql.query(
        `insert into replicas (id, kind, host, pid, version, last_seen_at)
         values ($1, 'reconciler', 'h', 1, '1', clock_timestamp() - $2::interval)`,
        [id, ago],
      );
    try {
      await untilSaid(watching.url, "replicas", ["degraded", "NEB946"]);
      await beat("one", "0 s");
      await untilSaid(watching.url, "replicas", ["ok", null]);
      await beat("two", "60 s");
      const { status } = await untilSaid(watching.url, "replicas", ["degraded", "NEB944"]);
      expect(status).toBe(200);
    } finally {
      await watching.close();
    }
  });
});

describe("a reconciler", () => {
  let ledger: TestDatabase;
  let web: Web;
  let url: string;
  beforeAll(async () => {
    ledger = await testDatabase();
    await ledger.sql.query(repository);
    web = makeWeb({
      ...{ sql: ledger.sql, hosts: makeHosts(testVault), metrics: makeMetrics("reconciler"), hint: () => undefined },
      ...{ observe: ignoreObservations, version: "0.1.0" },
      checks: [programCheck("pulumi", join(folder, "pulumi")), standbysCheck(ledger.sql)],
    });
    url = `http://127.0.0.1:${await web.listen(0)}`;
  });
  afterAll(async () => {
    await web?.close();
    await ledger?.close();
  });

  test("is degraded without Pulumi, and ready for everything else", async () => {
    const { status, body } = await untilSaid(url, "pulumi", ["degraded", "NEB945"]);
    expect([status, body.process, body.status, body.ready]).toEqual([200, "reconciler", "degraded", true]);
    expect(await levels(url)).toMatchObject({ ledger: "0", pulumi: "1" });
  });

  test("is degraded while a Git host is away", async () => {
    await markHost(ledger.sql, "repo_1", { code: "NEB680", reason: "away" });
    expect((await untilSaid(url, "githosts", ["degraded", "NEB948"])).status).toBe(200);
  });

  test("is degraded while a standby is behind, and well again when it has caught up", async () => {
    const seen = (lagMs: number) => JSON.stringify([{ number: 1, phase: "Ready", streaming: true, lagMs }]);
    await ledger.sql.query(
      `insert into instances (id, stack, database, engine, placement, version, phase, spec, fence, standbys)
       values ('a.b.c', 'a.b', 'c', 'postgres', 'local', '18', 'Ready', '{}', 1, $1)`,
      [seen(120_000)],
    );
    expect((await untilSaid(url, "standbys", ["degraded", "NEB944"])).status).toBe(200);
    await ledger.sql.query("update instances set standbys = $1", [seen(10)]);
    await untilSaid(url, "standbys", ["ok", null]);
  });

  test("is not ready, and lives, while the ledger is away", async () => {
    await ledger.sql.close();
    const { status, body } = await untilSaid(url, "ledger", ["down", "NEB910"]);
    expect([status, body.ready]).toEqual([503, false]);
    expect((await ask(url, "/livez")).status).toBe(200);
    expect((await ask(url, "/health")).status).toBe(200);
  });
});

test("a gateway says it in the same shape, without a ledger, and serves on a nearly full disk", async () => {
  const gateway = await startGateway(folder, { NEBULA_DISK_FREE_PERCENT: "101", NEBULA_PGBOUNCER_BIN: "" });
  try {
    const said = await ask(`http://127.0.0.1:${gateway.web}`, "/readyz");
    expect([said.status, said.body.process, said.body.status, said.body.ready]).toEqual([
      ...[200, "gateway", "degraded", true],
    ]);
    expect(parts(said)).toEqual({ serving: ["ok", null], disk: ["degraded", "NEB943"] });
    expect(await levels(`http://127.0.0.1:${gateway.web}`)).toEqual({ serving: "0", disk: "1" });
  } finally {
    await gateway.stop();
  }
}, 60_000);

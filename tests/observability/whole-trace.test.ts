/**
 * One trace from the request that asks for a database to its first row, over the portal, Git and its host, the reconciler, a worker,
 * Pulumi, the provider and the gateway; and one of a request that wakes it. A real platform sends to a real receiver.
 */
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Secret } from "../../platform/core/index.ts";
import { connectOnce } from "../../platform/sql/index.ts";
import { eventually } from "../harness/eventually.ts";
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from "../harness/otlp-receiver.ts";
import { type Platform, startPlatform } from "../system/platform.ts";

const database = "acme.shop.traced";
const path = "/api/v1/domain/acme/project/shop/databases";
const marker = "tale-of-a-tenant-4711";

let receiver: OtlpReceiver;
let platform: Platform;
beforeAll(async () => {
  receiver = await startOtlpReceiver();
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    OTEL_BSP_SCHEDULE_DELAY: "250",
    NEBULA_DISK_FREE_PERCENT: "0",
  };
  platform = await startPlatform({ env: { ...env, NEBULA_LOG_LEVEL: "debug" } });
}, 360_000);
afterAll(async () => {
  await platform?.close();
  await receiver?.close();
}, 180_000);

/** A caller that has begun a trace of its own. */
function begin() {
  const traceId = randomBytes(16).toString("hex");
  const traceparent = `00-${traceId}-${randomBytes(8).toString("hex")}-01`;
  const ask = async <T>(method: string, at: string, body?: unknown): Promise<T> => {
    const response = await fetch(`${platform.url}${at}`, {
      method,
      headers: { authorization: `Bearer ${platform.token}`, "content-type": "application/json", traceparent },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    expect(response.ok, text).toBe(true);
    return JSON.parse(text) as T;
  };
  return { traceId, ask };
}

const inTrace = (traceId: string) => receiver.spans.filter((span) => span.traceId === traceId);
const one = (spans: readonly ReceivedSpan[], name: string, service: string): ReceivedSpan | undefined =>
  spans.find((span) => span.name === name && span.service === `nebuladb-${service}`);

/** The names from a span up to the first of its trace. */
function ancestry(spans: readonly ReceivedSpan[], from: ReceivedSpan | undefined): readonly string[] {
  const names: string[] = [];
  for (let span = from; span !== undefined; span = spans.find(({ spanId }) => spanId === span?.parentId))
    names.push(span.name);
  return names;
}

const linesOf = (process: string): readonly Readonly<Record<string, unknown>>[] =>
  readFileSync(join(platform.data, "log", `${process}.log`), "utf8")
    .split("\n")
    .filter((line) => line.startsWith("{") && line.endsWith("}"))
    .map((line) => JSON.parse(line));

/** By the gateway's word: what the ledger knows of it is as old as its last look. */
const isAsleep = (): boolean => {
  const told = ["gateway.opened", "instance.suspended"];
  const last = linesOf("gateway").findLast((line) => line.instance === database && told.includes(String(line.kind)));
  return last?.kind === "instance.suspended";
};

let created: string;

test("from the click to ready it is one trace, whoever passes it on", async () => {
  const { traceId, ask } = begin();
  created = traceId;
  const { pull, operation } = await ask<{ pull: { number: number }; operation: { id: string } }>("POST", path, {
    ...{ name: "traced", version: "18", storage: "1Gi", tags: { owner: marker } },
    compute: { min: 0.25, max: 0.25, suspendAfter: "2s" },
  });
  await eventually("its review", () => one(inTrace(traceId), "review", "reconciler"), { timeoutMs: 60_000 });
  await eventually(
    "its verdict",
    async () => {
      const { statuses } = await begin().ask<{ statuses: { state: string }[] }>("GET", `/api/v1/pulls/${pull.number}`);
      return statuses.length >= 5 && statuses.every(({ state }) => state === "success");
    },
    { timeoutMs: 60_000, everyMs: 250 },
  );
  const merging = begin();
  // Whoever looks again at a pull request says once more that it is being looked at.
  const merge = () => merging.ask("POST", `/api/v1/pulls/${pull.number}/merge`, {});
  await eventually("it is merged", merge, { timeoutMs: 60_000, everyMs: 500 });
  await eventually(
    "it is ready",
    async () => {
      const { state } = await begin().ask<{ state: string }>("GET", `/api/v1/operations/${operation.id}`);
      return state === "COMPLETED";
    },
    { timeoutMs: 90_000, everyMs: 250 },
  );
  await eventually("the last span", () => one(inTrace(traceId), "operation DEPLOY", "reconciler"), {
    timeoutMs: 30_000,
  });

  const spans = inTrace(traceId);
  // a deployment of the project may make its other databases too
  const provider = spans.find(({ name, facts }) => name === "provider create" && facts["nebula.database"] === database);
  const ensure = spans.find(({ name, parentId }) => name === "compute.ensure" && parentId === provider?.spanId);
  expect(ancestry(spans, ensure)).toEqual([
    ...["compute.ensure", "provider create", "pulumi up", "worker deploy", "operation DEPLOY", "source.record"],
    ...["pull.merge", "pull.propose", `POST ${path.replace("acme", "{domain}").replace("shop", "{project}")}`],
  ]);
  expect(provider?.facts).toMatchObject({ "nebula.verb": "create" });
  expect(ancestry(spans, one(spans, "webhook pull_request", "reconciler"))).toContain("pull.propose");
  expect(ancestry(spans, one(spans, "worker preview", "reconciler"))).toContain("review");
  expect(one(spans, "pulumi.step", "reconciler")?.facts).toMatchObject({ "nebula.verb": "create" });
  for (const name of ["operation.wait", "source.sync", "pulumi.start"])
    expect(one(spans, name, "reconciler"), name).toBeDefined();
  expect(one(spans, "operation DEPLOY", "reconciler")).toMatchObject({
    failed: false,
    facts: { "nebula.outcome": "applied", "nebula.stack": "acme.shop" },
  });
  // Who merged has a trace of their own, and the two point at each other.
  const request = inTrace(merging.traceId).find(({ facts }) => facts["http.response.status_code"] === 202);
  expect(request?.name).toBe("POST /api/v1/pulls/{number}/merge");
  const merged = spans.find(({ name, failed }) => name === "pull.merge" && !failed);
  expect(merged?.links).toEqual([`${merging.traceId}-${request?.spanId}`]);
}, 400_000);

test("the first wake belongs to it too, down to its first row", async () => {
  await eventually("it sleeps", isAsleep, { timeoutMs: 60_000, everyMs: 500 });
  const { stdout } = await platform.nebula("db", "connect", "shop/traced");
  const url = new Secret(stdout.trim());
  await connectOnce(url, (sql) => sql.query(`create table tales as select '${marker}' as tale`));
  const spans = () => inTrace(created);
  const row = await eventually("its first row", () => one(spans(), "gateway.first_row", "gateway"), {
    timeoutMs: 30_000,
  });
  expect(ancestry(spans(), row).slice(0, 4)).toEqual([
    ...["gateway.first_row", "gateway.wake", "compute.ensure", "provider create"],
  ]);
  for (const name of ["wake.queued", "wake.start", "wake.ready"])
    expect(ancestry(spans(), one(spans(), name, "gateway"))[1], name).toBe("gateway.wake");
}, 300_000);

test("whoever wakes it later has the wake in the own trace, which points at the deployment", async () => {
  await eventually("it sleeps again", isAsleep, { timeoutMs: 60_000, everyMs: 500 });
  const { traceId, ask } = begin();
  const { results } = await ask<{ results: { rows: string[][] }[] }>("POST", `${path}/traced/sql`, {
    sql: `select tale, '${marker}' from tales`,
  });
  expect(results[0]?.rows).toEqual([[marker, marker]]);
  const wake = await eventually("its wake", () => one(inTrace(traceId), "gateway.wake", "gateway"), {
    timeoutMs: 30_000,
  });
  const spans = await eventually("the request itself", () => {
    const found = inTrace(traceId);
    return one(found, `POST ${path.replace("acme", "{domain}").replace("shop", "{project}")}/{database}/sql`, "portal")
      ? found
      : undefined;
  });
  expect(ancestry(spans, wake).slice(0, 2)).toEqual(["gateway.wake", "gateway POST"]);
  expect(ancestry(spans, wake).at(-1)).toMatch(/^POST .*\/sql$/);
  expect(wake.links.map((link) => link.split("-")[0])).toEqual([created]);
}, 300_000);

test("log lines carry the ids of the trace that they were written in", () => {
  const lines = ["portal", "reconciler", "gateway"].flatMap((process) =>
    linesOf(process)
      .filter(({ trace_id }) => trace_id === created)
      .map(({ kind, span_id }) => ({ process, kind, span_id })),
  );
  const kinds = (process: string) => lines.filter((line) => line.process === process).map(({ kind }) => kind);
  expect(kinds("portal")).toContain("http.request");
  expect(kinds("reconciler")).toEqual(expect.arrayContaining(["review.done", "operation.claimed", "operation.ended"]));
  expect(kinds("gateway")).toContain("gateway.woke");
  const known = new Set(receiver.spans.map(({ spanId }) => spanId));
  expect(lines.every(({ span_id }) => known.has(String(span_id)))).toBe(true);
});

test("nothing that was sent holds a credential, a statement or a tenant's value", () => {
  const sent = receiver.raw().toString("latin1");
  expect(sent).toContain(database);
  const secrets = [platform.token, platform.forgeToken, marker, "create table", "select tale"];
  for (const secret of secrets) expect(sent.includes(secret), secret.slice(0, 12)).toBe(false);
});

test("the command line says how every process is, and tells everybody of an incident", async () => {
  const status = await platform.nebula("status", "-o", "json");
  const { processes } = JSON.parse(status.stdout) as {
    processes: { name: string; health: { process: string; ready: boolean } | null }[];
  };
  const said = Object.fromEntries(processes.map(({ name, health }) => [name, health?.ready]));
  expect(said).toMatchObject({ portal: true, reconciler: true, gateway: true });
  const opened = await platform.nebula(
    "incident",
    "open",
    "Slow logins",
    "--message",
    "We look.",
    "--component",
    "api",
  );
  expect(opened.code, opened.stderr).toBe(0);
  const id = opened.stdout.trim();
  const page = async () => (await fetch(`${platform.url}/status`)).text();
  expect(await page()).toContain("Slow logins");
  const resolved = await platform.nebula("incident", "resolve", id, "-o", "json");
  expect(JSON.parse(resolved.stdout)).toMatchObject([{ id, state: "resolved" }]);
  await eventually("all is well", async () => {
    const answer = (await (await fetch(`${platform.url}/status.json`)).json()) as { components: { state: string }[] };
    return answer.components.every(({ state }) => state === "ok");
  });
}, 120_000);

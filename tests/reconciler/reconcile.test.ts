import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { makeMetrics, Secret, toProblem } from "../../platform/core/index.ts";
import { signWebhook } from "../../platform/github/index.ts";
import {
  claimOperation,
  enqueueOperation,
  finishOperation,
  getOperation,
  getProject,
  getPullRow,
  listOperations,
  recordApplied,
  recordPull,
  updateOperation,
} from "../../platform/store/index.ts";
import { deployFailed } from "../../reconciler/deploy/index.ts";
import { makeReconciler, type Reconciler, recordOutcome } from "../../reconciler/reconcile.ts";
import { outcomeMarker } from "../../reconciler/review/index.ts";
import { makeWeb, type Web } from "../../reconciler/source/index.ts";
import { eventually } from "../harness/eventually.ts";
import { branchOff, database, hookSecret, makeWorld, type World } from "./world.ts";

/** The whole reconciler on a real forge, woken by its webhooks; deployments are claimed and ended by the test. */
let world: World;
let reconciler: Reconciler;
let web: Web;
let port: number;
const hour = 3_600_000;

beforeAll(async () => {
  world = await makeWorld();
  const { parts, ledger } = world;
  reconciler = makeReconciler({ ...parts, sql: ledger.sql, pollMs: hour });
  const { sql, hosts, observe } = { ...parts, sql: ledger.sql };
  web = makeWeb({ sql, hosts, observe, metrics: makeMetrics("test"), version: "0", hint: reconciler.hint });
  port = await web.listen(0);
  await world.forge.forge.bootstrap.ensureHook({
    ...{ owner: "nebula", repository: "tenants", secret: hookSecret },
    ...{ url: `http://127.0.0.1:${port}/hooks/github`, events: ["push", "pull_request"] },
  });
  await reconciler.start();
  await eventually("the first look is over", async () => (await queued()).length === 2);
  await deploy("completed");
});
afterAll(async () => {
  await web?.close();
  await reconciler?.close();
  await world?.close();
});

const queued = () => listOperations(world.ledger.sql, { state: "QUEUED", type: "DEPLOY" });
const row = (number: number) => getPullRow(world.ledger.sql, "repo_test", number);

/** What the deployer does to the ledger. */
async function deploy(how: "completed" | "failed"): Promise<void> {
  const { sql } = world.ledger;
  for (;;) {
    const claim = await claimOperation(sql, { holder: "test", types: ["DEPLOY"] });
    if (claim === undefined) return;
    const error = toProblem(deployFailed("the disk is full"));
    const ending =
      how === "completed"
        ? ({ kind: "completed", outcome: "applied" } as const)
        : ({ kind: "failed", outcome: "stalled", error } as const);
    await finishOperation(sql, claim, ending, async (tx, operation) => {
      const project = await getProject(tx, claim.stack);
      if (how === "completed" && project?.wantedSpec != null)
        await recordApplied(tx, claim.stack, {
          ...{ commit: project.wantedCommit, spec: project.wantedSpec, hash: project.wantedHash ?? "" },
        });
      await recordOutcome(tx, operation);
    });
  }
}

/** A pull request as the portal opens it, reviewed. */
async function opened(branch: string, files: Readonly<Record<string, string | null>>, autoMerge = false) {
  const { sql } = world.ledger;
  await branchOff(world, branch);
  const head = await world.push(branch, files);
  const pull = await world.person.createPull({ title: branch, body: "", head: branch, base: "main" });
  const operation = await enqueueOperation(sql, { stack: "lab.research", type: "PULL_REQUEST", requestedBy: "grace" });
  await updateOperation(sql, operation.id, { state: "IN_PROGRESS" });
  const note = { repository: "repo_test", number: pull.number, requestedBy: "grace", operation: operation.id };
  await recordPull(sql, { ...note, autoMerge, headCommit: head, by: "portal" });
  await eventually("it is reviewed and shown", async () => (await row(pull.number))?.postedAt != null);
  return { number: pull.number, head, operation: operation.id };
}

describe("from a push to its ending", () => {
  test("auto-merge: reviewed, merged, queued with its number, deployed, told", async () => {
    const { number, operation } = await opened("auto", { "tenants/lab/research/more.ts": database("more") }, true);
    await eventually("the deployment is queued", async () => (await queued()).length === 1);
    await eventually("it knows its pull request", async () => (await queued())[0]?.pullNumber === number);
    expect((await queued())[0]).toMatchObject({ stack: "lab.research", requestedBy: "grace" });
    expect(await getProject(world.ledger.sql, "lab.research")).toMatchObject({ status: "Reconciling" });
    await deploy("completed");
    await eventually("the pull request is told", async () => (await row(number))?.reportedAt != null);
    expect(await getProject(world.ledger.sql, "lab.research")).toMatchObject({ status: "Ready", reason: "Applied" });
    expect(await getOperation(world.ledger.sql, operation)).toMatchObject({ state: "COMPLETED", outcome: "applied" });
    const comments = (await world.person.listComments(number)).filter(({ body }) => body.includes(outcomeMarker));
    expect(comments).toHaveLength(1);
    expect(comments[0]?.body).toContain("🚀 Deployed");
    const merge = (await row(number))?.mergeCommit ?? "";
    await eventually("the commit has its status", async () => {
      const [status] = await world.person.listStatuses(merge);
      return status?.context === "nebula/deploy" && status.state === "success";
    });
  });

  test("a deployment that fails is told as failed, and the operation says why", async () => {
    const { number, operation, head } = await opened("fails", { "tenants/lab/research/bad.ts": database("bad") });
    await world.person.mergePull(number, { sha: head });
    await eventually("the deployment is queued", async () => (await queued()).length === 1);
    await deploy("failed");
    await eventually("the pull request is told", async () => (await row(number))?.reportedAt != null);
    expect(await getProject(world.ledger.sql, "lab.research")).toMatchObject({ status: "Stalled", reason: "Failed" });
    const ended = await getOperation(world.ledger.sql, operation);
    expect(ended).toMatchObject({ state: "FAILED", error: { code: "NEB398" } });
    expect(ended?.error?.detail).toContain("the disk is full");
    const comments = await world.person.listComments(number);
    expect(comments.some(({ body }) => body.includes("could not be deployed"))).toBe(true);
  });

  test("an auto-merge that does not pass ends its operation with the place of the problem", async () => {
    const broken = database("oops", 'version: "18", storag: "1Gi"');
    const { operation } = await opened("broken", { "tenants/lab/research/oops.ts": broken }, true);
    const ended = await getOperation(world.ledger.sql, operation);
    expect(ended).toMatchObject({ state: "FAILED", outcome: "blocked", error: { code: "NEB394" } });
    expect(ended?.error?.detail).toContain("tenants/lab/research/oops.ts:3");
  });

  test("closing a pull request cancels its operation", async () => {
    const { number, operation } = await opened("closed", { "tenants/lab/research/none.ts": database("none") });
    await world.person.closePull(number);
    await eventually("the operation is cancelled", async () => {
      return (await getOperation(world.ledger.sql, operation))?.state === "CANCELLED";
    });
  });
});

describe("webhooks", () => {
  let before: number;
  const fetches = () => world.seen.filter(({ kind }) => kind === "webhook.received").length;
  beforeEach(() => {
    before = fetches();
  });
  const body = (extra: object = {}) =>
    JSON.stringify({
      ref: "refs/heads/main",
      repository: { full_name: "nebula/tenants" },
      nonce: randomUUID(),
      ...extra,
    });
  const send = (text: string, headers: Record<string, string> = {}) =>
    fetch(`http://127.0.0.1:${port}/hooks/github`, {
      method: "POST",
      body: text,
      headers: {
        "content-type": "application/json",
        "x-github-event": "push",
        "x-github-delivery": randomUUID(),
        "x-hub-signature-256": signWebhook(hookSecret, Buffer.from(text)),
        ...headers,
      },
    });

  test("a signed one is accepted, once, whatever id its repetition carries", async () => {
    const text = body();
    expect((await send(text)).status).toBe(202);
    const again = await send(text);
    expect(await again.json()).toEqual({ status: "duplicate" });
    expect(fetches()).toBe(before + 2);
  });

  test.each([
    ["no signature", { "x-hub-signature-256": "" }],
    ["another secret's signature", { "x-hub-signature-256": `sha256=${"0".repeat(64)}` }],
    ["the old algorithm", { "x-hub-signature": "sha1=0", "x-hub-signature-256": "" }],
    ["no delivery id", { "x-github-delivery": "" }],
  ])("one with %s is refused", async (_, headers) => {
    expect((await send(body(), headers)).status).toBe(401);
  });

  test("one for a repository that is not ours is refused like a forged one", async () => {
    const text = body({ repository: { full_name: "evil/tenants" } });
    const answer = await send(text, { "x-hub-signature-256": signWebhook(new Secret("guess"), Buffer.from(text)) });
    expect(answer.status).toBe(401);
  });

  test("what is no JSON is refused", async () => {
    expect((await send("not json")).status).toBe(401);
  });

  test("health, readiness and metrics are served; nothing else is", async () => {
    const get = async (path: string) => (await fetch(`http://127.0.0.1:${port}${path}`)).status;
    expect([await get("/health"), await get("/ready"), await get("/metrics"), await get("/")]).toEqual([
      200, 200, 200, 404,
    ]);
  });
});

test("no fault was reported on the way", () => {
  expect(world.seen.filter(({ kind }) => kind === "fault")).toEqual([]);
});

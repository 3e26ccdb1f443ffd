/** The doors of metering: what is reported, the feed, and the gaps. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { typeOf } from "../../platform/metering/index.ts";
import { putGaps, rollUp } from "../../platform/store/index.ts";
import { type Caller, startPortal, type TestPortal } from "./harness.ts";

const hour = 3_600_000;
const media = { "content-type": "application/cloudevents-batch+json" };
const path = "/api/v1/usage/events";
let portal: TestPortal;
let admin: Caller;

beforeAll(async () => {
  portal = await startPortal();
  admin = portal.as(await portal.tokenFor("platform-admin"));
  for (const tenant of ["shop", "bank"])
    await portal.sql.query(
      `insert into instances (id, stack, database, engine, placement, version, phase, spec, fence, commit)
       values ($1, $2, 'orders', 'postgres', 'aws', '18', 'Ready', '{}', 1, 'c0ffee')`,
      [`${tenant}.store.orders`, `${tenant}.store`],
    );
});
afterAll(() => portal?.close());

/** A closed hour, whenever this runs. */
const closed = Math.floor(Date.now() / hour) * hour - 2 * hour;
const event = (id: string, change: object = {}) => ({
  ...{ specversion: "1.0", id, source: "https://edge.example", type: typeOf("delta"), subject: "shop/store/orders" },
  time: new Date(closed + 1000).toISOString(),
  data: { meter: "egress_bytes", quantity: "12" },
  ...change,
});

describe("reporting", () => {
  it("takes a batch, one event, and plain JSON; the same again changes nothing", async () => {
    const batch = [event("a"), event("b"), event("c", { subject: "bank/store/orders" })];
    expect((await admin.send("POST", path, batch, media)).body).toEqual({ accepted: 3, duplicates: 0, refused: [] });
    expect((await admin.send("POST", path, batch)).body).toEqual({ accepted: 0, duplicates: 3, refused: [] });
    const one = await admin.send("POST", path, event("d"), { "content-type": "application/cloudevents+json" });
    expect(one.body).toMatchObject({ accepted: 1 });
    expect(portal.observed).toContainEqual({ kind: "usage.events", accepted: 3, duplicates: 0, refused: 0 });
  });

  it("names what it does not take, by code", async () => {
    const { status, body } = await admin.send("POST", path, [
      event("e", { specversion: "2" }),
      event("f", { subject: "shop/store/none" }),
    ]);
    expect(status).toBe(200);
    expect(
      body.refused.map(({ index, id, code }: { index: number; id: string; code: string }) => [index, id, code]),
    ).toEqual([
      [0, "e", "NEB503"],
      [1, "f", "NEB504"],
    ]);
  });

  it("is nobody's but the platform's, and takes no other media and no more than a thousand", async () => {
    const owner = portal.as(await portal.tokenFor("domain-admin", "shop"));
    expect((await owner.send("POST", path, [event("g")])).status).toBe(403);
    expect((await admin.send("POST", path, "x=1", { "content-type": "text/plain" })).status).toBe(415);
    const many = Array.from({ length: 1001 }, (_, i) => ({ id: String(i) }));
    expect((await admin.send("POST", path, many, media)).status).toBe(422);
  });
});

describe("the feed", () => {
  it("is CloudEvents in order, goes on after the last, and shows each tenant its own", async () => {
    await rollUp(portal.sql, closed + hour);
    const first = await admin.get(`${path}?limit=1`);
    expect(first.headers.get("content-type")).toContain("application/cloudevents-batch+json");
    const all = (await admin.get(path)).body;
    expect(all).toHaveLength(2);
    expect(all[0]).toMatchObject({
      specversion: "1.0",
      type: typeOf("record"),
      data: { meter: "egress_bytes", revision: 1 },
    });
    expect((await admin.get(`${path}?after=${first.body[0].sequence}`)).body).toEqual(all.slice(1));
    const bank = portal.as(await portal.tokenFor("billing-viewer", "bank"));
    expect((await bank.get(path)).body.map(({ subject }: { subject: string }) => subject)).toEqual([
      "bank/store/orders",
    ]);
    expect((await bank.get(`${path}?domain=shop`)).status).toBe(404);
    const viewer = portal.as(await portal.tokenFor("viewer", "shop"));
    expect((await viewer.get(path)).status).toBe(403);
  });

  it("tells a correction as an event of its own, with its reason", async () => {
    const { body: before } = await admin.get(`${path}?domain=shop`);
    const fix = event("fix", {
      type: typeOf("correction"),
      data: { meter: "egress_bytes", quantity: "-5", reason: "counted its own probes" },
    });
    expect((await admin.send("POST", path, [fix], media)).body).toMatchObject({ accepted: 1 });
    const { body } = await admin.get(`${path}?domain=shop&after=${before.at(-1).sequence}`);
    expect(body).toMatchObject([
      {
        type: typeOf("correction"),
        data: { quantity: "-5", revision: 2, source: "corrected", reason: "counted its own probes" },
      },
    ]);
    const { items } = (
      await admin.get(`/api/v1/usage?domain=shop&meter=egress_bytes&from=${new Date(closed).toISOString()}`)
    ).body;
    expect(items.reduce((all: number, { quantity }: { quantity: string }) => all + Number(quantity), 0)).toBe(31);
  });
});

it("totals are by day and month, and add up to what was used", async () => {
  const from = new Date(closed).toISOString();
  for (const per of ["day", "month"]) {
    const { body } = await admin.get(`/api/v1/usage/totals?per=${per}&from=${from}&domain=shop`);
    expect(body.items).toMatchObject([{ domain: "shop", meter: "egress_bytes", quantity: "31", commits: ["c0ffee"] }]);
  }
  expect((await admin.get("/api/v1/usage/totals?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z")).status).toBe(422);
  expect((await admin.get("/api/v1/usage/totals?from=2020-01-02T00:00:00Z")).status).toBe(422);
  const viewer = portal.as(await portal.tokenFor("viewer", "shop"));
  expect((await viewer.get("/api/v1/usage/totals")).status).toBe(403);
});

it("gaps are shown with what became of their time, to those who may see the usage", async () => {
  const fromMs = Date.now() - 60_000;
  const gap = { instance: "shop.store.orders", meter: null, fromMs, toMs: fromMs + 1000 } as const;
  await putGaps(portal.sql, [
    { ...gap, reason: "unwatched" },
    { ...gap, reason: "unproved" },
  ]);
  const month = new Date(fromMs).toISOString().slice(0, 7);
  const { body } = await admin.get(`/api/v1/usage/gaps?month=${month}`);
  expect(body.more).toBe(false);
  expect(body.items.map(({ reason, billed }: { reason: string; billed: boolean }) => [reason, billed]).sort()).toEqual([
    ["unproved", false],
    ["unwatched", true],
  ]);
  const bank = portal.as(await portal.tokenFor("domain-admin", "bank"));
  expect((await bank.get("/api/v1/usage/gaps")).body.items).toEqual([]);
  expect((await bank.get("/api/v1/usage/gaps?domain=shop")).status).toBe(404);
});

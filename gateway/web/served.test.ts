/** Whom the data API serves, by the gate alone: nothing runs. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Gate } from "../../platform/compute/index.ts";
import { systemClock } from "../../platform/core/index.ts";
import { type DatabaseId, resolveDatabase } from "../../platform/spec/index.ts";
import { notServed } from "./refusal.ts";
import { makeServedDatabases } from "./served.ts";

const id = "acme.shop.carts" as DatabaseId;
let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "nebula-served-"));
});
afterEach(() => rm(dataDir, { recursive: true, force: true }));

function apiOf() {
  const resolved = resolveDatabase({ engine: "postgres", name: "carts", options: { version: "18", api: {} } });
  if (resolved.kind === "invalid" || resolved.spec.api === undefined) throw new Error("no api");
  return resolved.spec.api;
}

async function find(changes: Partial<Gate>, address = "127.0.0.1") {
  const gate = {
    id,
    databaseName: "carts",
    allowFrom: [],
    limits: { connections: 10 },
    api: apiOf(),
    ...changes,
  } as Gate;
  const databases = makeServedDatabases({
    ...{ dataDir, clock: systemClock, observe: () => undefined, onEntered: () => undefined },
    keeper: { enter: () => Promise.reject(new Error("nobody enters")) },
    keySets: { keysOf: () => Promise.reject(new Error("nobody asks")) } as never,
    directory: { gateOf: async () => gate, find: async () => id },
  });
  try {
    return await databases.find({ by: "id", id }, address);
  } finally {
    await databases.close();
  }
}

const told = (found: Awaited<ReturnType<typeof find>>) => {
  if (found.kind === "serves") throw new Error("it serves");
  const { status, body } = notServed(found);
  return { status, ...(JSON.parse(body.toString()) as { message: string; hint: string }) };
};

test("a branch whose time is over says that and when, as the direct endpoint does", async () => {
  expect(told(await find({ expiresAt: "2020-01-01T00:00:00.000Z" }))).toMatchObject({
    ...{ status: 410, code: "3D000", message: `the branch "${id}" expired at 2020-01-01T00:00:00.000Z` },
    ...{ details: "NEB777", hint: expect.stringContaining("Extend its ttl") },
  });
  expect((await find({ expiresAt: "2999-01-01T00:00:00.000Z" })).kind).toBe("serves");
});

test("whoever may not come, and whoever asks for what has no data API, does not hear of it", async () => {
  const over = { expiresAt: "2020-01-01T00:00:00.000Z" };
  expect(told(await find(over, "203.0.113.9")).status).toBe(404);
  expect(told(await find({ ...over, api: undefined } as unknown as Partial<Gate>)).status).toBe(404);
});

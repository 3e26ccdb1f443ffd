import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Client, makeClient } from "./client.ts";
import { mustAnswer } from "./commands/connect.ts";
import { CommandFailure, exitCodes } from "./failure.ts";
import { awaitLook, openDifferences } from "./look-again.ts";
import type { DriftFinding, Operation } from "./types.ts";

/** A portal that answers what the test says: one answer a request, the last one for ever. */
let server: Server;
let client: Client;
let answers: DriftFinding[][] = [];
let heard: IncomingHttpHeaders = {};
beforeAll(async () => {
  server = createServer((request, response) => {
    heard = request.headers;
    const items = (answers.length > 1 ? answers.shift() : answers[0]) ?? [];
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ items, nextCursor: null }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  client = makeClient({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, token: "t" });
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

const where = { domain: "shop", project: "store", database: "orders" };
const operation = { finishedAt: "2026-11-21T10:00:00.000Z", createdAt: "2026-11-21T09:59:00.000Z" } as Operation;
const finding = (change: Partial<DriftFinding> = {}): DriftFinding => ({
  ...{ id: 1, ...where, path: "owner", declared: "a", observed: "b", effect: "in place", closedAt: null },
  ...{ openedAt: "2026-11-21T09:00:00.000Z", seenAt: "2026-11-21T09:58:00.000Z" },
  ...change,
});
const wait = (before: DriftFinding[], ms: number) =>
  awaitLook(client, where, { operation, before, deadlineMs: Date.now() + ms }).catch((thrown: unknown) => thrown);

test("a command names itself", async () => {
  answers = [[]];
  await client.get("/anything");
  expect(heard["user-agent"]).toMatch(/^nebula\/\d+\.\d+\.\d+/);
});

test("what is counted is what healing can close, of the database that was named", async () => {
  answers = [[finding(), finding({ id: 2, effect: "by hand" }), finding({ id: 3, database: "other" })]];
  expect((await openDifferences(client, where)).map(({ id }) => id)).toEqual([1]);
});

test("the wait ends when a look no longer shows the difference, not when the operation ends", async () => {
  answers = [[finding()], [finding()], []];
  expect(await wait([finding()], 60_000)).toBeUndefined();
  expect(answers).toEqual([[]]);
});

test("a look afterwards that still shows it is a failure; none at all is a time-out", async () => {
  answers = [[finding({ seenAt: "2026-11-21T10:00:05.000Z" })]];
  const still = await wait([finding()], 60_000);
  expect(still).toBeInstanceOf(CommandFailure);
  expect(still).toMatchObject({ exitCode: exitCodes.error, message: expect.stringContaining("orders: owner") });
  answers = [[finding()]];
  expect(await wait([finding()], 0)).toMatchObject({ exitCode: exitCodes.timeout });
});

test("before psql is opened, a database that answers nobody says why and what to do", () => {
  const at = (phase: string | null) => () => mustAnswer({ id: "shop.store.orders", phase, reason: "Deploying" });
  expect(at("Ready")).not.toThrow();
  for (const [phase, hint] of [
    ["Paused", "resume"],
    ["Retired", "retire: true"],
    ["Removed", "restored"],
    ["Expired", "ttl"],
    ["Failed", "ops list"],
    [null, "waits for"],
  ] as const) {
    const thrown = (() => {
      try {
        at(phase)();
        return undefined;
      } catch (failure) {
        return failure;
      }
    })();
    expect(thrown, String(phase)).toMatchObject({ exitCode: exitCodes.conflict });
    expect((thrown as CommandFailure).hint, String(phase)).toContain(hint);
  }
});

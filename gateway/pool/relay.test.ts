/** What PgBouncer is told of a connection that cannot be: it passes on the state and the sentence, and nothing else. */
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { instanceMissing, meantToBeStopped } from "../../platform/compute/index.ts";
import { systemClock } from "../../platform/core/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import { expiryOf } from "../keeper/index.ts";
import { type RelayDeps, relay } from "./relay.ts";

const id = "acme.shop.carts" as DatabaseId;
let folder: string;
let server: Server | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "nebula-relay-"));
});
afterEach(async () => {
  await new Promise<void>((resolve) => (server === undefined ? resolve() : server.close(() => resolve())));
  server = undefined;
  await rm(folder, { recursive: true, force: true });
});

/** The fields of the ErrorResponse that somebody at the door gets. */
async function told(deps: Partial<RelayDeps>): Promise<ReadonlyMap<string, string>> {
  const path = join(folder, "door");
  const all: RelayDeps = {
    ...{ clock: systemClock, onStanding: () => undefined, stopping: new AbortController().signal },
    ...{ keeper: { enter: () => Promise.reject(new Error("nobody enters")) }, expiryOf: async () => undefined },
    ...deps,
  };
  const opened = createServer((socket: Socket) => void relay(id, socket, all));
  server = opened;
  await new Promise<void>((resolve) => opened.listen(path, resolve));
  const socket = connect(path);
  const chunks: Buffer[] = [];
  socket.on("data", (chunk) => chunks.push(chunk));
  await new Promise<void>((resolve) => socket.once("close", () => resolve()));
  const fields = Buffer.concat(chunks).subarray(5).toString("utf8").split("\0").filter(Boolean);
  return new Map(fields.map((field) => [field.slice(0, 1), field.slice(1)]));
}

const refusing = (thrown: unknown) => ({ keeper: { enter: () => Promise.reject(thrown) } });

test.each([
  ["paused", "nebula db resume"],
  ["retired", "retire: true"],
] as const)("one that is %s says in the sentence itself what starts it", async (intent, wayOut) => {
  const fields = await told(refusing(meantToBeStopped(id, intent)));
  expect(fields.get("C")).toBe("55000");
  expect(fields.get("M")).toContain(`${id} is ${intent}. `);
  expect(fields.get("M")).toContain(wayOut);
});

test("a branch whose time is over says that and when, and nobody asks whether it can be woken", async () => {
  const expiresAt = "2020-01-01T00:00:00.000Z";
  const fields = await told({
    ...refusing(meantToBeStopped(id, "retired")),
    expiryOf: async () => expiryOf({ id, expiresAt }, Date.now()),
  });
  expect(fields.get("C")).toBe("3D000");
  expect(fields.get("M")).toMatch(
    /^the branch "acme\.shop\.carts" expired at 2020-01-01T00:00:00\.000Z\. Extend its ttl/,
  );
});

test("no path of this machine leaves", async () => {
  const missing = await told(refusing(instanceMissing(`there is no instance ${id} in /var/lib/nebula`)));
  expect(missing.get("C")).toBe("3D000");
  expect([...missing.values()].join()).not.toContain("/var");
});

test("a socket that is gone is left in doubt, is no path, and lets PgBouncer try again", async () => {
  const seen: string[] = [];
  const entered = { socketPath: join(folder, "no-server"), touch: () => undefined };
  const fields = await told({
    keeper: {
      enter: async () => ({
        ...entered,
        confirm: () => seen.push("confirm") > 0,
        leave: () => void seen.push("leave"),
      }),
    },
  });
  expect(fields.get("C")).toBe("57P03");
  expect([...fields.values()].join()).not.toContain(folder);
  expect(seen).toEqual(["leave"]);
});

import { afterAll, beforeAll, expect, test } from "vitest";
import { beatReplica, claimOperation, enqueueOperation, takeSingleton } from "../../platform/store/index.ts";
import { startPortal, type TestPortal } from "./harness.ts";

let portal: TestPortal;
beforeAll(async () => {
  portal = await startPortal();
});
afterAll(() => portal.close());

const list = async (role: "platform-admin" | "domain-admin") =>
  portal.as(await portal.tokenFor(role)).get("/api/v1/replicas");

test("the platform's administrator sees who is there and who holds what; nobody else does", async () => {
  const { sql } = portal;
  const replica = {
    kind: "reconciler",
    host: "a",
    pid: 1,
    version: "0.1.0",
    address: "http://127.0.0.1:4403",
  } as const;
  await beatReplica(sql, { ...replica, id: "a/1/1" });
  await beatReplica(sql, { ...replica, id: "b/2/2", host: "b", pid: 2 });
  await sql.query("update replicas set last_seen_at = now() - interval '1 minute' where id = 'b/2/2'");
  await takeSingleton(sql, { name: "status", holder: "a/1/1", leaseSeconds: 15 });
  const { id } = await enqueueOperation(sql, { stack: "acme.shop", type: "PAUSE", requestedBy: "t" });
  await claimOperation(sql, { holder: "elsewhere/3/3", types: ["PAUSE"] });

  const { status, body } = await list("platform-admin");
  expect(status).toBe(200);
  expect(body.items).toMatchObject([
    { id: "a/1/1", alive: true, leases: [{ kind: "singleton", name: "status", fence: 1 }] },
    { id: "b/2/2", alive: false, leases: [] },
  ]);
  expect(body.others).toMatchObject([
    { holder: "elsewhere/3/3", lease: { kind: "stack", name: "acme.shop", fence: 1, operation: id } },
  ]);
  expect((await list("domain-admin")).status).toBe(403);
});

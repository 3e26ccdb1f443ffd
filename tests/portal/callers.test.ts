import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { appendEvent, enqueueOperation } from "../../platform/store/index.ts";
import { eventually } from "../harness/eventually.ts";
import { deployShop } from "./deployed.ts";
import { startPortal, type TestPortal } from "./harness.ts";

let first: TestPortal;
let second: TestPortal;
beforeAll(async () => {
  first = await startPortal();
  second = await startPortal({ beside: first });
  await deployShop(first.sql, ["orders"]);
});
afterAll(async () => {
  await second.close();
  await first.close();
});

const idOf = (token: string) => token.split("_")[2] ?? "";
const statusAt = async (portal: TestPortal, token: string) => (await portal.as(token).get("/api/v1/versions")).status;

it("a credential that is used all the time is looked up once a second, and not once a request", async () => {
  const token = await first.tokenFor("viewer");
  await statusAt(first, token);
  // What the ledger says meanwhile is not asked: the row is gone for whoever would look.
  const began = performance.now();
  await first.sql.tx(async (tx) => {
    await tx.query("lock table principals in access exclusive mode");
    expect(await statusAt(first, token)).toBe(200);
    expect(performance.now() - began).toBeLessThan(1000);
  });
});

it("a revoked one opens nothing at the portal that revoked it from the next request on, and at the others at once", async () => {
  const admin = first.as(await first.tokenFor("platform-admin"));
  const token = await first.tokenFor("viewer");
  for (const portal of [first, second]) expect(await statusAt(portal, token)).toBe(200);
  expect((await admin.send("DELETE", `/api/v1/keys/${idOf(token)}`)).status).toBe(204);
  expect(await statusAt(first, token)).toBe(401);
  await eventually("the notification arrives", async () => (await statusAt(second, token)) === 401, { timeoutMs: 900 });
});

it("and within a second also when no notification comes", async () => {
  const token = await first.tokenFor("viewer");
  expect(await statusAt(second, token)).toBe(200);
  await first.sql.tx(async (tx) => {
    await tx.query("alter table principals disable trigger access_changed");
    await tx.query("update principals set revoked_at = now() where id = $1", [idOf(token)]);
    await tx.query("alter table principals enable trigger access_changed");
  });
  await sleep(1000);
  expect(await statusAt(second, token)).toBe(401);
});

it("an event stream ends when its credential is revoked", async () => {
  const token = await first.tokenFor("viewer");
  const { id } = await enqueueOperation(first.sql, { stack: "shop.store", type: "PAUSE", requestedBy: "ada" });
  const response = await fetch(`${second.url}/api/v1/operations/${id}/events`, {
    headers: { authorization: `Bearer ${token}`, accept: "text/event-stream" },
  });
  expect(response.status).toBe(200);
  const whole = response.text();
  await first.sql.query("update principals set revoked_at = now() where id = $1", [idOf(token)]);
  await sleep(1100);
  await appendEvent(first.sql, id, { phase: "secret", message: "not for them any more" });
  expect(await whole).not.toContain("not for them any more");
});

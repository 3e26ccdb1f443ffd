import { request as openRequest } from "node:http";
import { afterAll, beforeAll, expect, it } from "vitest";
import { makeMetrics } from "../../platform/core/index.ts";
import { makeHosts, makeWeb } from "../../reconciler/source/index.ts";
import { eventually } from "../harness/eventually.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";
import { testVault } from "../portal/harness.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await testDatabase();
});
afterAll(() => db.close());

async function serve(graceMs = 0) {
  const observe = () => undefined;
  const web = makeWeb({
    ...{ sql: db.sql, hosts: makeHosts(testVault), observe, metrics: makeMetrics("test"), version: "0", graceMs },
    hint: () => undefined,
  });
  const port = await web.listen(0);
  const url = `http://127.0.0.1:${port}`;
  const get = (path: string) =>
    fetch(`${url}${path}`, { headers: { connection: "close" } }).then(
      (response) => response.status,
      () => 0,
    );
  return { web, port, get };
}

/** A delivery whose body arrives as the caller sends it. */
function deliver(port: number, length: number) {
  const headers = {
    "content-length": length,
    "x-github-event": "push",
    "x-github-delivery": "d1",
    "x-hub-signature-256": `sha256=${"0".repeat(64)}`,
  };
  const sending = openRequest({ port, host: "127.0.0.1", method: "POST", path: "/hooks/github", headers });
  const answered = new Promise<{ status: number; connection: string | undefined; retryAfter: string | undefined }>(
    (resolve) => {
      sending.on("response", (response) => {
        response.resume();
        const { connection, "retry-after": retryAfter } = response.headers;
        resolve({ status: response.statusCode ?? 0, connection, retryAfter });
      });
      sending.on("error", () => resolve({ status: 0, connection: undefined, retryAfter: undefined }));
    },
  );
  sending.flushHeaders();
  return { sending, answered };
}

it("a reconciler that stops says so first, serves until its grace is over, and finishes what it began", async () => {
  const { web, port, get } = await serve(300);
  expect(await get("/ready")).toBe(200);
  const { sending, answered } = deliver(port, 10);
  sending.write("12345");
  await eventually("the delivery is there", () => sending.socket?.bytesWritten);
  const closed = web.close();
  expect(await get("/ready")).toBe(503);
  expect(await get("/health")).toBe(200);
  await eventually("nobody new is let in", async () => (await get("/health")) === 0);
  sending.end("67890");
  expect(await answered).toMatchObject({ status: 401, connection: "close" });
  await closed;
});

it("bodies that are on their way together have a limit, and room again when they are gone", async () => {
  const { web, port, get } = await serve();
  const large = 24 * 2 ** 20;
  const all = Array.from({ length: 8 }, () => deliver(port, large));
  for (const { sending } of all) sending.write(Buffer.alloc(large - 1));
  const first = await Promise.race(all.map(({ answered }) => answered));
  expect(first).toMatchObject({ status: 503, retryAfter: "1" });
  expect(await get("/health")).toBe(200);
  for (const { sending } of all) sending.destroy();
  await eventually("there is room", async () => {
    const { sending, answered } = deliver(port, large);
    sending.end(Buffer.alloc(large));
    return (await answered).status === 401;
  });
  await web.close();
}, 60_000);

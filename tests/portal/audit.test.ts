/** The audit over the API, and an export of it that is verified without the platform. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { verifyFile } from "../../portal/cli/index.ts";
import { type Caller, startPortal, type TestPortal } from "./harness.ts";

let portal: TestPortal;
let admin: Caller;
beforeAll(async () => {
  portal = await startPortal();
  admin = portal.as(await portal.tokenFor("platform-admin", null, null, "ada@nebula.example"));
  for (const user of ["eve", "bob"]) {
    const caller = portal.as(await portal.tokenFor("domain-admin", "shop", null, user));
    await caller.send("POST", "/api/v1/tenants/shop/secrets", { name: user, value: "long enough a value" });
  }
});
afterAll(() => portal?.close());

const rows = async function* (text: string) {
  yield* text.split("\n");
};
const known = { anchors: [] };

test("a request's line says who, with which key, from where and with what", async () => {
  const { body } = await admin.get("/api/v1/audit-logs?actor=eve", { "user-agent": "test" });
  expect(body.items).toMatchObject([
    { actor: "eve", action: "secrets.put", domain: "shop", result: "accepted", address: "127.0.0.1" },
  ]);
  const [{ actorId, userAgent }] = body.items;
  expect(userAgent).toMatch(/node/);
  expect((await admin.get(`/api/v1/audit-logs?actorId=${actorId}`)).body.items).toHaveLength(1);
  expect((await admin.get("/api/v1/audit-logs?address=127.0.0.1&domain=shop")).body.items).toHaveLength(2);
  expect((await admin.get("/api/v1/audit-logs?action=secrets.put&from=2020-01-01T00:00:00Z")).body.items).toHaveLength(
    2,
  );
  expect((await admin.get("/api/v1/audit-logs?to=2020-01-01T00:00:00Z")).body.items).toEqual([]);
});

test("pages go on where the one before ended, also where lines must be opened to be found", async () => {
  for (const filter of ["domain=shop", "domain=shop&userAgent=node"]) {
    const seen: number[] = [];
    for (let cursor: string | null = ""; cursor !== null; ) {
      const { body } = await admin.get(
        `/api/v1/audit-logs?${filter}&limit=1${cursor === "" ? "" : `&cursor=${cursor}`}`,
      );
      seen.push(...body.items.map(({ id }: { id: number }) => id));
      cursor = body.nextCursor;
    }
    expect(seen).toHaveLength(2);
    expect(seen[0]).toBeGreaterThan(seen[1] ?? 0);
  }
});

test("the whole of it verifies, and only the platform's administrators read the whole", async () => {
  const { body } = await admin.get("/api/v1/audit-logs/verify");
  expect(body).toMatchObject({ ok: true, firstSeq: 1, problems: [] });
  const anchor = `${body.head.seq}:${body.head.hash}`;
  expect((await admin.get(`/api/v1/audit-logs/verify?anchor=${anchor}`)).body.ok).toBe(true);
  const other = `${body.head.seq}:${"0".repeat(64)}`;
  expect((await admin.get(`/api/v1/audit-logs/verify?anchor=${other}`)).body.ok).toBe(false);
  const tenant = portal.as(await portal.tokenFor("domain-admin", "shop"));
  for (const path of ["verify", "export"])
    expect(await tenant.get(`/api/v1/audit-logs/${path}`)).toMatchObject({ status: 403, body: { code: "NEB662" } });
});

test("an export verifies offline, and every change of the file is found", async () => {
  const { body: text } = await admin.get("/api/v1/audit-logs/export");
  const { body: online } = await admin.get("/api/v1/audit-logs/verify");
  const { publicKey } = online;
  const good = await verifyFile(rows(text), { publicKey, anchors: [] });
  expect(good).toMatchObject({ ok: true, firstSeq: 1, publicKey });
  expect(good.lines).toBeGreaterThanOrEqual(2);
  const lines = String(text).trim().split("\n");
  const swap = [...lines];
  [swap[1], swap[2]] = [swap[2] ?? "", swap[1] ?? ""];
  const forged: Record<string, string[]> = {
    "a field changed": lines.map((line) => line.replace("secrets.put", "secrets.get")),
    "a line gone": lines.filter((_, i) => i !== 1),
    "two lines swapped": swap,
    "a line twice": [...lines.slice(0, 2), ...lines.slice(1)],
    "the end cut off": lines.slice(0, -1),
    "the last line gone": lines.filter((_, i) => i !== lines.length - 2),
    "the beginning gone": lines.slice(1),
    "another head": lines.map((line) => line.replace(/("kind":"end","head":\{"seq":)\d+/, "$19")),
    "something behind the head": [...lines, lines[1] ?? ""],
    "no JSON": [...lines.slice(0, 1), "hello", ...lines.slice(1)],
    nothing: [],
  };
  for (const [what, changed] of Object.entries(forged)) {
    expect(changed.join("\n"), what).not.toBe(lines.join("\n"));
    expect((await verifyFile(rows(changed.join("\n")), known)).ok, what).toBe(false);
  }
  const otherKey = Buffer.alloc(32, 1).toString("base64");
  expect((await verifyFile(rows(text), { publicKey: otherKey, anchors: [] })).ok).toBe(false);
  expect((await verifyFile(rows(text), { anchors: [{ seq: 1, hash: "0".repeat(64) }] })).ok).toBe(false);
  expect((await verifyFile(rows(text), { anchors: [{ seq: 999, hash: "0".repeat(64) }] })).problems).toEqual([
    "line 999: was anchored and is missing",
  ]);
});

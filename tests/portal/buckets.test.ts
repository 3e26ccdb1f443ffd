/** What the portal says of buckets: their addresses, credentials that follow from keys, and to the gateway alone what a key may do. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { Secret } from "../../platform/core/index.ts";
import { credentialsFor } from "../../platform/files/index.ts";
import { bucketLabel, type DatabaseSpec, resolveBucket, resolveDatabase } from "../../platform/spec/index.ts";
import { recordInstance } from "../../platform/store/index.ts";
import { deployShop } from "./deployed.ts";
import { type Caller, startPortal, type TestPortal } from "./harness.ts";

const id = "shop.store.orders";
const path = "/api/v1/domain/shop/project/store/databases/orders/buckets";
const question = "/api/v1/files-access?domain=shop&project=store&database=orders";

let portal: TestPortal;
let admin: Caller;
beforeAll(async () => {
  portal = await startPortal();
  await deployShop(portal.sql, ["orders", "other"]);
  const spec = specWith({ assets: {}, site: { website: {} }, old: { public: true, retire: true } });
  await recordInstance(portal.sql, {
    ...{ id, fence: 1, phase: "Ready", spec, commit: "a".repeat(40), host: "127.0.0.1" },
  });
  admin = portal.as(await portal.tokenFor("platform-admin"));
});
afterAll(() => portal.close());

function specWith(declared: Readonly<Record<string, object>>): DatabaseSpec {
  const resolved = resolveDatabase({ engine: "postgres", name: "orders", options: { version: "18" } });
  if (resolved.kind !== "ok") throw new Error("no spec");
  const buckets = Object.entries(declared).map(([name, options]) => {
    const bucket = resolveBucket({ name, options: { of: "orders", ...options } }, [resolved.spec]);
    if (bucket.kind !== "ok") throw new Error(JSON.stringify(bucket.problems));
    return [name, bucket.spec.bucket] as const;
  });
  return { ...resolved.spec, buckets: Object.fromEntries(buckets) };
}

async function keyWith(scopes: readonly string[], database = "orders") {
  const place = { tenant: "shop", project: "store", database };
  const asked = { name: "k", role: "project-admin", scopes, ...place };
  const { status, body } = await admin.send("POST", "/api/v1/keys", asked);
  expect(status).toBe(201);
  const { id: keyId, key } = body as { readonly id: string; readonly key: string };
  return { id: keyId, caller: portal.as(key) };
}

const ask = async (key: string, secret = "the gateway's own") => {
  const headers = { "x-nebula-gateway": secret, "x-nebula-key": key };
  const response = await fetch(`${portal.url}${question}`, { headers });
  const body = (await response.json()) as { readonly access?: { readonly access: string } | null };
  return [response.status, body.access === null ? null : body.access?.access];
};

it("lists the buckets of a database with their addresses, and says which anybody reads", async () => {
  const { body } = await admin.get(path);
  const label = (name: string) => bucketLabel(id, name);
  const endpoint = "http://localhost:4494";
  expect(body.items).toMatchObject([
    { name: "assets", bucket: label("assets"), endpoint, url: null, deployed: true, settings: { public: false } },
    { name: "old", url: null, settings: { retire: true } },
    { name: "site", url: `http://${label("site")}.db.localhost:4494/`, settings: { website: { index: "index.html" } } },
  ]);
});

it("gives a key the credentials that the gateway expects of it, the same each time", async () => {
  const { id: keyId, caller } = await keyWith(["files:read"]);
  const { status, body } = await caller.send("POST", `${path}/assets/credentials`, {});
  const label = bucketLabel(id, "assets");
  expect([status, body]).toEqual([
    200,
    {
      ...{ endpoint: "http://localhost:4494", region: "us-east-1", bucket: label },
      ...credentialsFor(new Secret("of the files"), keyId, label),
    },
  ]);
  expect((await caller.send("POST", `${path}/site/credentials`, {})).body.secretAccessKey).not.toBe(
    body.secretAccessKey,
  );
  expect((await caller.send("POST", `${path}/nothing/credentials`, {})).status).toBe(404);
});

it("gives nobody another key's credentials, nor any to who has no right to files", async () => {
  const [mine, other] = [await keyWith(["files:read"]), await keyWith(["files:read", "files:write"])];
  const stolen = await mine.caller.send("POST", `${path}/assets/credentials`, { key: other.id });
  expect(stolen.status).toBe(404);
  const without = await keyWith(["databases:read"]);
  expect((await without.caller.send("POST", `${path}/assets/credentials`, {})).status).toBe(403);
  const elsewhere = await keyWith(["files:read"], "other"); // of the same tenant: it is told "no"
  expect((await elsewhere.caller.send("POST", `${path}/assets/credentials`, {})).status).toBe(403);
});

it("signs addresses, and those that write only for who may", async () => {
  const [reader, writer] = [await keyWith(["files:read"]), await keyWith(["files:read", "files:write"])];
  const wanted = { object: "a b/ü.txt", method: "PUT", expiresSeconds: 60 };
  expect((await reader.caller.send("POST", `${path}/assets/sign`, wanted)).status).toBe(403);
  const { status, body } = await writer.caller.send("POST", `${path}/assets/sign`, wanted);
  expect(status).toBe(200);
  const url = new URL(body.url);
  expect(url.pathname).toBe(`/${bucketLabel(id, "assets")}/a%20b/%C3%BC.txt`);
  expect(url.searchParams.get("X-Amz-Credential")).toContain(writer.id);
  const tooLong = { object: "a", expiresSeconds: 8 * 86_400 };
  expect((await writer.caller.send("POST", `${path}/assets/sign`, tooLong)).status).toBe(422);
});

it("tells the gateway, and nobody else, what a key may do with files, until it is revoked", async () => {
  const [reader, writer] = [await keyWith(["files:read"]), await keyWith(["files:read", "files:write"])];
  expect([await ask(reader.id), await ask(writer.id)]).toEqual([
    [200, "read"],
    [200, "write"],
  ]);
  expect(await ask((await keyWith(["data:read"])).id)).toEqual([200, null]);
  expect(await ask((await keyWith(["files:read"], "other")).id)).toEqual([200, null]);
  expect(await ask("nobody")).toEqual([200, null]);
  expect((await ask(reader.id, "guessed"))[0]).toBe(404);
  expect((await admin.send("DELETE", `/api/v1/keys/${reader.id}`)).status).toBe(204);
  expect(await ask(reader.id)).toEqual([200, null]);
});

it("has no credentials where no server for buckets runs", async () => {
  const bare = await startPortal({ gateway: { filesUrl: null } });
  try {
    await deployShop(bare.sql, ["orders"]);
    const spec = specWith({ assets: {} });
    await recordInstance(bare.sql, {
      ...{ id, fence: 1, phase: "Ready", spec, commit: "a".repeat(40), host: "127.0.0.1" },
    });
    const caller = bare.as(await bare.tokenFor("platform-admin"));
    expect((await caller.get(path)).body.items).toMatchObject([{ name: "assets", endpoint: null }]);
    const refused = await caller.send("POST", `${path}/assets/credentials`, {});
    expect([refused.status, refused.body.code]).toEqual([501, "NEB798"]);
  } finally {
    await bare.close();
  }
});

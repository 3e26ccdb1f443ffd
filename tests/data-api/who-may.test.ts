/** Who may see and change what, through the client that tenants use: two users under row-level security, keys, tokens, strangers. */
import { createServer } from "node:http";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Secret } from "../../platform/core/index.ts";
import { addKey, apiOf, clientOf, makeWebGround, type WebGround } from "./web-ground.ts";

const sharedSecret = "a shared secret of more than 32 bytes";
const schema = [
  "create table notes (id int generated always as identity primary key, owner text not null default current_setting('request.jwt.claims', true)::json->>'sub', body text not null)",
  "alter table notes enable row level security",
  "create policy own on notes to authenticated using (owner = current_setting('request.jwt.claims', true)::json->>'sub') with check (owner = current_setting('request.jwt.claims', true)::json->>'sub')",
  "create policy shown on notes for select to anon using (body like 'public%')",
  "grant select, insert, update, delete on notes to authenticated",
  "grant select on notes to anon",
  "create table open (id int primary key)",
  "insert into open values (1)",
  "grant select on open to anon, authenticated",
  "create table listed (id int primary key)",
  "insert into listed values (1)",
  "grant select on listed to anon",
  "create view past as select * from notes",
  "grant select on past to anon, authenticated",
  "create function whoami() returns json stable language sql as $$ select json_build_object('user', current_user, 'session', session_user, 'claims', current_setting('request.jwt.claims', true)::json, 'headers', current_setting('request.headers', true)::json) $$",
];

let ground: WebGround;
let issuer: {
  url: string;
  sign: (claims: object, kid?: string) => Promise<string>;
  rotate(): Promise<void>;
  close(): void;
};
beforeAll(async () => {
  issuer = await startIssuer();
  const api = {
    anonymous: "anon",
    exposeWithoutRls: ["listed"],
    jwt: [
      { secret: { kind: "secret", name: "api-jwt" }, issuer: "shared", audience: "notes" },
      { jwks: issuer.url, issuer: "published", roleClaim: "app.role" },
    ],
  };
  ground = await makeWebGround(schema, {
    wanted: { api: apiOf(api), apiSecrets: new Map([["api-jwt", new Secret(sharedSecret)]]) },
    freshMs: 200,
    web: { policy: { inside: [new URL(issuer.url).host] } },
  });
});
afterAll(async () => {
  await ground?.close();
  issuer?.close();
});

/** An issuer that publishes its keys on this machine. */
async function startIssuer() {
  let [kid, pair] = ["one", await generateKeyPair("ES256", { extractable: true })];
  const server = createServer(async (_request, response) => {
    const keys = [{ ...(await exportJWK(pair.publicKey)), kid, alg: "ES256" }];
    response.setHeader("content-type", "application/json").end(JSON.stringify({ keys }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}/keys`,
    sign: (claims: object, named = kid) =>
      new SignJWT({ ...claims })
        .setProtectedHeader({ alg: "ES256", kid: named })
        .setIssuer("published")
        .setIssuedAt()
        .setExpirationTime("5m")
        .sign(pair.privateKey),
    async rotate() {
      [kid, pair] = ["two", await generateKeyPair("ES256", { extractable: true })];
    },
    close: () => server.close(),
  };
}

const token = (claims: Readonly<Record<string, unknown>>, secret = sharedSecret) =>
  new SignJWT({ iss: "shared", aud: "notes", exp: Math.floor(Date.now() / 1000) + 300, ...claims })
    .setProtectedHeader({ alg: "HS256" })
    .sign(new TextEncoder().encode(secret));

const bearer = (text: string) => ({ authorization: `Bearer ${text}` });
const as = async (sub: string) => clientOf(ground, bearer(await token({ sub, role: "authenticated" })));

describe("row-level security decides", () => {
  test("two users see and change their own rows, and nobody else's", async () => {
    const [anna, ben] = [await as("anna"), await as("ben")];
    expect((await anna.from("notes").insert([{ body: "mine" }, { body: "public: hello" }])).error).toBeNull();
    expect((await ben.from("notes").insert({ body: "ben's" })).error).toBeNull();
    expect((await anna.from("notes").select("body").order("id")).data).toEqual([
      { body: "mine" },
      { body: "public: hello" },
    ]);
    expect((await ben.from("notes").select("body")).data).toEqual([{ body: "ben's" }]);
    const stolen = await ben.from("notes").update({ body: "stolen" }).eq("owner", "anna").select();
    expect([stolen.error, stolen.data]).toEqual([null, []]);
    const forged = await ben.from("notes").insert({ owner: "anna", body: "forged" });
    expect([forged.status, forged.error?.code]).toEqual([403, "42501"]);
  });

  test("a stranger sees what anon may, a service key everything", async () => {
    expect((await clientOf(ground).from("notes").select("body")).data).toEqual([{ body: "public: hello" }]);
    const insert = await clientOf(ground).from("notes").insert({ owner: "x", body: "public" });
    expect([insert.status, insert.error?.code]).toEqual([401, "42501"]);
    const admin = clientOf(ground, { apikey: addKey(ground, "admin") });
    expect((await admin.from("notes").select("*")).data).toHaveLength(3);
  });

  test("tables without it are not there, unless the declaration names them; nor views that run as their owner", async () => {
    const hidden = await clientOf(ground).from("open").select();
    expect([hidden.status, hidden.error?.code]).toEqual([404, "PGRST205"]);
    expect((await clientOf(ground).from("past").select()).status).toBe(404);
    expect((await clientOf(ground).from("listed").select()).data).toEqual([{ id: 1 }]);
    const admin = clientOf(ground, { apikey: addKey(ground, "admin") });
    expect((await admin.from("open").select()).status).toBe(404);
  });

  test("the role and the claims are what SQL sees, and no credential is", async () => {
    const text = await token({ sub: "anna", team: { id: 7 } });
    const { data } = await clientOf(ground, { ...bearer(text), apikey: addKey(ground, "write") }).rpc("whoami");
    expect(data).toMatchObject({
      user: "authenticated",
      session: "nebula_api",
      claims: { sub: "anna", team: { id: 7 } },
    });
    expect(JSON.stringify(data)).not.toContain(text);
    expect(JSON.stringify(data)).not.toContain("ndb_");
  });
});

describe("keys of the platform", () => {
  test("one that reads may not change, one that writes may", async () => {
    const reader = clientOf(ground, { apikey: addKey(ground, "read") });
    expect((await reader.from("notes").select()).status).toBe(200);
    const refused = await reader.from("notes").insert({ body: "x" });
    expect([refused.status, refused.error?.code, refused.error?.hint]).toEqual([
      403,
      "42501",
      expect.stringContaining("data:write"),
    ]);
    const writer = clientOf(ground, { authorization: `ApiKey ${addKey(ground, "write")}` });
    expect((await writer.from("notes").insert({ body: "the program's" }).select("owner")).data).toEqual([
      { owner: "dev@acme.test" },
    ]);
  });

  test("beside a token the caller may do what both may", async () => {
    const headers = { ...bearer(await token({ sub: "anna" })), apikey: addKey(ground, "read") };
    expect((await clientOf(ground, headers).from("notes").select("body").like("body", "mine")).data).toEqual([
      { body: "mine" },
    ]);
    expect((await clientOf(ground, headers).from("notes").insert({ body: "y" })).status).toBe(403);
    const wrong = await clientOf(ground, { ...headers, apikey: `${headers.apikey.slice(0, -1)}y` })
      .from("notes")
      .select();
    expect(wrong.status).toBe(401);
  });

  test("one that is revoked stops within its time, one that has expired at once, one that nobody knows never starts", async () => {
    const key = addKey(ground, "read");
    const client = clientOf(ground, { apikey: key });
    expect((await client.from("notes").select()).status).toBe(200);
    ground.portal.keys.delete(key);
    await expect.poll(async () => (await client.from("notes").select()).status, { timeout: 20_000 }).toBe(401);
    const over = addKey(ground, "read", { expiresAt: new Date(Date.now() - 1).toISOString() });
    expect((await clientOf(ground, { apikey: over }).from("notes").select()).status).toBe(401);
    const asked = ground.portal.asked;
    expect((await clientOf(ground, { apikey: "ndb_test_short" }).from("notes").select()).status).toBe(401);
    expect(ground.portal.asked).toBe(asked);
  });

  test("what was known opens while the portal is away, and nothing else does", async () => {
    const client = clientOf(ground, { apikey: addKey(ground, "read") });
    expect((await client.from("notes").select()).status).toBe(200);
    ground.portal.away = true;
    try {
      const askedBefore = ground.portal.asked;
      await expect
        .poll(
          async () => {
            expect((await client.from("notes").select()).status).toBe(200);
            return ground.portal.asked > askedBefore;
          },
          { timeout: 20_000 },
        )
        .toBe(true);
      const unknown = await clientOf(ground, { apikey: addKey(ground, "read") })
        .from("notes")
        .select();
      expect([unknown.status, unknown.error?.hint]).toEqual([503, expect.stringContaining("NEB773")]);
    } finally {
      ground.portal.away = false;
    }
  });
});

describe("tokens", () => {
  test("of an issuer that publishes its keys open, also after it has new ones; its role claim lies inside", async () => {
    const claims = { sub: "anna", app: { role: "authenticated" } };
    const client = async () => clientOf(ground, bearer(await issuer.sign(claims)));
    expect((await (await client()).from("notes").select("body").eq("body", "mine")).data).toEqual([{ body: "mine" }]);
    const wrong = await clientOf(ground, bearer(await issuer.sign(claims, "three")))
      .from("notes")
      .select();
    expect([wrong.status, wrong.error?.code]).toEqual([401, "PGRST301"]);
  });

  test("say who, and get no role that is not declared", async () => {
    const refused = await clientOf(ground, bearer(await token({ sub: "anna", role: "service_role" })))
      .from("notes")
      .select();
    expect([refused.status, refused.error?.code]).toEqual([403, "42501"]);
    expect(
      (
        await clientOf(ground, bearer(await token({ sub: "anna", role: "nebula_admin" })))
          .from("notes")
          .select()
      ).status,
    ).toBe(403);
    expect(
      (
        await clientOf(ground, bearer(await token({ sub: "anna" })))
          .from("notes")
          .select("body")
          .eq("body", "mine")
      ).data,
    ).toEqual([{ body: "mine" }]);
  });

  const nowSeconds = () => Math.floor(Date.now() / 1000);
  test.each([
    ["expired", async () => token({ sub: "anna", exp: nowSeconds() - 120 }), "PGRST303"],
    ["without an end", async () => token({ sub: "anna", exp: undefined }), "PGRST301"],
    ["not valid yet", async () => token({ sub: "anna", nbf: nowSeconds() + 600 }), "PGRST301"],
    [
      "issued tomorrow",
      async () => token({ sub: "anna", iat: nowSeconds() + 86_400, exp: nowSeconds() + 90_000 }),
      "PGRST301",
    ],
    ["for another audience", async () => token({ sub: "anna", aud: "others" }), "PGRST301"],
    ["of another issuer", async () => token({ sub: "anna", iss: "others" }), "PGRST301"],
    [
      "signed by somebody else",
      async () => token({ sub: "anna" }, "another secret, as long as the first one"),
      "PGRST301",
    ],
    ["no token at all", async () => "abc", "PGRST301"],
  ])("%s: refused, and told so", async (_what, make, code) => {
    const { status, error } = await clientOf(ground, bearer(await make()))
      .from("notes")
      .select();
    expect([status, error?.code]).toEqual([401, code]);
  });
});

test("where nobody is let in without a credential, a stranger is told which ones there are", async () => {
  const closed = await makeWebGround(["create table t (id int)", "alter table t enable row level security"]);
  try {
    const { status, error } = await clientOf(closed).from("t").select();
    expect([status, error?.code, error?.hint]).toEqual([401, "PGRST302", expect.stringContaining("apikey")]);
    const nowhere = await fetch(closed.url.replace("/shop/", "/other/"));
    const without = await fetch(`http://127.0.0.1:${closed.port}/acme/shop/nobody/rest/v1/t`);
    expect([nowhere.status, await nowhere.text()]).toEqual([404, await without.text()]);
  } finally {
    await closed.close();
  }
});

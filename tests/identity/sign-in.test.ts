import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makePasswords, passwordProblem } from "../../platform/identity/index.ts";
import { setDisabled } from "../../platform/store/index.ts";
import { eventually } from "../harness/eventually.ts";
import { startPortal, type TestPortal } from "../portal/harness.ts";
import { addPerson, goodPassword, post, signIn } from "./people.ts";

let portal: TestPortal;
beforeAll(async () => {
  portal = await startPortal();
});
afterAll(() => portal.close());

const me = (accessToken: string) => portal.as(accessToken).get("/api/v1/auth/me");

describe("signing in", () => {
  it("gives a session that knows its person, also without any role", async () => {
    const user = await addPerson(portal);
    const { status, body } = await signIn(portal, user.email ?? "");
    expect(status).toBe(200);
    expect(body).toMatchObject({ status: "signed-in", person: { id: user.id, email: user.email } });
    const mine = await me(body.accessToken);
    expect(mine).toMatchObject({
      status: 200,
      body: { person: { id: user.id }, hasPassword: true, secondFactor: false },
    });
  });

  it("takes the e-mail in any case", async () => {
    const user = await addPerson(portal);
    expect((await signIn(portal, (user.email ?? "").toUpperCase())).status).toBe(200);
  });

  it("gives one answer for a wrong password, nobody, somebody unverified and somebody disabled", async () => {
    const [right, unverified, disabled] = [
      await addPerson(portal),
      await addPerson(portal, { verified: false }),
      await addPerson(portal),
    ];
    await setDisabled(portal.sql, disabled.id, true);
    const answers = [
      await signIn(portal, right.email ?? "", "not the password"),
      await signIn(portal, "nobody@shop.example"),
      await signIn(portal, unverified.email ?? ""),
      await signIn(portal, disabled.email ?? ""),
    ];
    for (const { status, body, headers } of answers) {
      expect({ status, ...body, instance: "" }).toEqual({ ...answers[0]?.body, status: 401, instance: "" });
      expect(headers.get("set-cookie")).toBeNull();
    }
    expect(answers[0]?.body.code).toBe("NEB665");
  });

  it("takes the same time for them, at the real cost of a hash", async () => {
    const passwords = makePasswords();
    const stored = await passwords.hash(goodPassword);
    await passwords.verify(null, goodPassword);
    const time = async (of: string | null) => {
      const began = performance.now();
      await passwords.verify(of, "wrong password, no doubt");
      return performance.now() - began;
    };
    const [known, unknown]: [number[], number[]] = [[], []];
    for (let i = 0; i < 15; i++) {
      known.push(await time(stored));
      unknown.push(await time(null));
    }
    const median = (all: number[]) => all.sort((a, b) => a - b)[7] ?? 0;
    const ratio = median(unknown) / median(known);
    expect(ratio).toBeGreaterThan(0.6);
    expect(ratio).toBeLessThan(1.6);
    expect(median(known)).toBeGreaterThan(2);
  });

  it("hashes a password anew when the parameters have changed", async () => {
    const user = await addPerson(portal);
    const dearer = await makePasswords({ memoryCost: 128, timeCost: 1, parallelism: 1 }).hash(goodPassword);
    await portal.sql.query("update users set password_hash = $2 where id = $1", [user.id, dearer]);
    expect((await signIn(portal, user.email ?? "")).status).toBe(200);
    const { hash } = await portal.sql.one<{ hash: string }>("select password_hash as hash from users where id = $1", [
      user.id,
    ]);
    expect(hash).toContain("m=64,");
    expect((await signIn(portal, user.email ?? "")).status).toBe(200);
  });

  it("is told to wait rather than eat the machine", async () => {
    const passwords = makePasswords({ memoryCost: 64, timeCost: 1, parallelism: 1 }, { atOnce: 1, waiting: 3 });
    const many = await Promise.allSettled(Array.from({ length: 20 }, () => passwords.hash("x")));
    expect(many.filter(({ status }) => status === "fulfilled").length).toBeGreaterThanOrEqual(3);
    expect(many.filter(({ status }) => status === "rejected").length).toBeGreaterThan(0);
  });

  it("is audited under the account's e-mail, also when it is refused, and never with the password", async () => {
    const user = await addPerson(portal);
    await signIn(portal, user.email ?? "", "a wrong password!");
    await signIn(portal, user.email ?? "");
    const admin = portal.as(await portal.tokenFor("platform-admin"));
    const { body } = await admin.get(`/api/v1/audit-logs?actor=${encodeURIComponent(user.email ?? "")}`);
    expect(body.items.map(({ action, result }: Record<string, string>) => [action, result])).toEqual([
      ["auth.login", "accepted"],
      ["auth.login", "refused"],
    ]);
    expect(JSON.stringify(body)).not.toContain("a wrong password!");
  });
});

describe("a session", () => {
  const begin = async () => {
    const user = await addPerson(portal);
    const { body } = await signIn(portal, user.email ?? "");
    return { user, ...body } as { user: typeof user; accessToken: string; refreshToken: string; sessionId: string };
  };

  it("goes on with the next refresh token, and the one before ends it", async () => {
    const first = await begin();
    const second = await post(portal, "/refresh", { refreshToken: first.refreshToken });
    expect(second.status).toBe(200);
    const third = await post(portal, "/refresh", { refreshToken: second.body.refreshToken });
    expect(third.status).toBe(200);
    const reused = await post(portal, "/refresh", { refreshToken: first.refreshToken });
    expect(reused).toMatchObject({ status: 401, body: { code: "NEB667" } });
    expect((await post(portal, "/refresh", { refreshToken: third.body.refreshToken })).status).toBe(401);
    await eventually("its access tokens are dead", async () => (await me(third.body.accessToken)).status === 401, {
      timeoutMs: 1000,
    });
    expect(portal.observed.some((one) => one.kind === "auth.reuse" && one.session === first.sessionId)).toBe(true);
  });

  it("gives the same successor to a request that the same client doubles, also at once", async () => {
    const { refreshToken } = await begin();
    const doubled = await Promise.all(Array.from({ length: 5 }, () => post(portal, "/refresh", { refreshToken })));
    expect(doubled.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect(new Set(doubled.map(({ body }) => body.refreshToken)).size).toBe(1);
    expect((await post(portal, "/refresh", { refreshToken: doubled[0]?.body.refreshToken })).status).toBe(200);
  });

  it("ends when another client doubles it, and when the same one comes too late", async () => {
    const stolen = await begin();
    await post(portal, "/refresh", { refreshToken: stolen.refreshToken });
    const thief = await post(portal, "/refresh", { refreshToken: stolen.refreshToken }, { "user-agent": "thief" });
    expect(thief.status).toBe(401);
    const late = await begin();
    await post(portal, "/refresh", { refreshToken: late.refreshToken });
    await portal.sql.query(
      "update refresh_tokens set used_at = used_at - interval '11 seconds' where session_id = $1",
      [late.sessionId],
    );
    expect((await post(portal, "/refresh", { refreshToken: late.refreshToken })).status).toBe(401);
  });

  it("is over when it was idle, or is too old, however busy", async () => {
    for (const column of ["idle_expires_at", "expires_at"]) {
      const { refreshToken, accessToken, sessionId } = await begin();
      await portal.sql.query(`update sessions set ${column} = now() - interval '1 second' where id = $1`, [sessionId]);
      expect((await post(portal, "/refresh", { refreshToken })).status, column).toBe(401);
      await eventually("its access token is dead", async () => (await me(accessToken)).status === 401);
    }
  });

  it("never lives past its absolute end by refreshing", async () => {
    const { refreshToken, sessionId } = await begin();
    await portal.sql.query("update sessions set expires_at = now() + interval '1 hour' where id = $1", [sessionId]);
    const { body } = await post(portal, "/refresh", { refreshToken });
    expect(Date.parse(body.sessionExpiresAt) - Date.now()).toBeLessThanOrEqual(3_601_000);
  });

  it("ends at sign-out, at once, its access token too", async () => {
    const { refreshToken, accessToken } = await begin();
    expect((await me(accessToken)).status).toBe(200);
    expect((await post(portal, "/logout", { refreshToken })).status).toBe(204);
    await eventually("dead", async () => (await me(accessToken)).status === 401, { timeoutMs: 1000 });
    expect((await post(portal, "/refresh", { refreshToken })).status).toBe(401);
  });

  it("is listed with address, agent and methods, and can be ended from another one; all of them at once", async () => {
    const one = await begin();
    const two = (await signIn(portal, one.user.email ?? "")).body;
    const { body } = await portal.as(two.accessToken).get("/api/v1/auth/sessions");
    expect(body.items).toHaveLength(2);
    expect(body.items.find((item: { current: boolean }) => item.current)).toMatchObject({
      id: two.sessionId,
      methods: ["pwd"],
      address: "127.0.0.1",
      userAgent: "node",
    });
    const end = (id: string) => portal.as(two.accessToken).send("DELETE", `/api/v1/auth/sessions/${id}`);
    expect((await end(one.sessionId)).status).toBe(204);
    expect((await end(one.sessionId)).status).toBe(404);
    const stranger = await begin();
    expect((await end(stranger.sessionId)).status).toBe(404);
    expect((await portal.as(two.accessToken).send("POST", "/api/v1/auth/logout-all")).body).toEqual({ ended: 1 });
    await eventually("all are dead", async () => (await me(two.accessToken)).status === 401, { timeoutMs: 1000 });
    expect((await me(stranger.accessToken)).status).toBe(200);
  });

  it("ends when its user is disabled", async () => {
    const { user, accessToken, refreshToken } = await begin();
    const admin = portal.as(await portal.tokenFor("platform-admin"));
    expect((await admin.send("POST", `/api/v1/users/${user.id}/disable`)).body.disabledAt).not.toBeNull();
    await eventually("dead", async () => (await me(accessToken)).status === 401, { timeoutMs: 1000 });
    expect((await post(portal, "/refresh", { refreshToken })).status).toBe(401);
    await admin.send("POST", `/api/v1/users/${user.id}/enable`);
    expect((await signIn(portal, user.email ?? "")).status).toBe(200);
  });

  it("keeps a browser's refresh token in a cookie that no script and no other site sees", async () => {
    const user = await addPerson(portal);
    const { body, headers } = await post(portal, "/login", {
      email: user.email,
      password: goodPassword,
      keep: "cookie",
    });
    expect(body.refreshToken).toBeNull();
    const set = headers.get("set-cookie") ?? "";
    expect(set).toMatch(/^nebula_refresh=ndr_\S+; Path=\/api\/v1\/auth; Max-Age=\d+; HttpOnly; SameSite=Strict$/);
    const cookie = set.split(";")[0] ?? "";
    const page = { cookie, "sec-fetch-site": "same-origin" };
    const next = await post(portal, "/refresh", {}, page);
    expect(next).toMatchObject({ status: 200, body: { refreshToken: null } });
    expect((await post(portal, "/refresh", {}, { cookie, "sec-fetch-site": "cross-site" })).status).toBe(403);
    const after = { cookie: next.headers.get("set-cookie")?.split(";")[0] ?? "", "sec-fetch-site": "same-origin" };
    const out = await post(portal, "/logout", {}, after);
    expect(out.headers.get("set-cookie")).toContain("Max-Age=0");
    expect((await post(portal, "/refresh", {}, after)).status).toBe(401);
  });
});

describe("signing keys", () => {
  it("are published, sealed at rest, and rotate without ending a session", async () => {
    const user = await addPerson(portal);
    const before = (await signIn(portal, user.email ?? "")).body;
    const jwks = async () => (await portal.as("").get("/.well-known/jwks.json")).body.keys as Record<string, string>[];
    const first = await jwks();
    expect(first[0]).toMatchObject({ kty: "OKP", crv: "Ed25519", alg: "EdDSA", use: "sig" });
    expect(Object.keys(first[0] ?? {})).not.toContain("d");
    const admin = portal.as(await portal.tokenFor("platform-admin"));
    const { body } = await admin.send("POST", "/api/v1/auth/signing-keys/rotate");
    const after = (await signIn(portal, user.email ?? "")).body;
    const kidOf = (token: string) => JSON.parse(Buffer.from(token.split(".")[0] ?? "", "base64url").toString()).kid;
    expect(kidOf(after.accessToken)).toBe(body.id);
    expect((await me(before.accessToken)).status).toBe(200);
    await eventually("both are published", async () => (await jwks()).length === first.length + 1);
    const rows = await portal.sql.query<{ sealed: string | null }>("select private_sealed as sealed from signing_keys");
    expect(rows.filter(({ sealed }) => sealed !== null)).toHaveLength(1);
    expect(JSON.stringify(rows)).not.toContain("PRIVATE KEY");
    await portal.sql.query("update signing_keys set verifies_until = now() where retired_at is not null");
    portal.identity.keys.forget();
    await new Promise((resolve) => setTimeout(resolve, 1100));
    expect((await me(before.accessToken)).status).toBe(401);
    expect((await me(after.accessToken)).status).toBe(200);
  });
});

describe("a password", () => {
  it.each([
    ["short", /at least 12/],
    ["aaaaaaaaaaaa", /different characters/],
    ["password1234!", /tried first/],
    ["CorrectHorseBatteryStaple", /tried first/],
    ["abcdefghijklmnop", /run/],
    ["0987654321098", /run|tried/],
    ["ada@shop.example", /e-mail/],
    ["x".repeat(5) + "abcdef".repeat(60), /at most 200/],
  ])("%j is refused", (text, why) => expect(passwordProblem(text, { email: "ada@shop.example" })).toMatch(why));

  it.each([goodPassword, "Tr0ub4dor&3-more", "пароль из трёх слов"])("%j is good", (text) =>
    expect(passwordProblem(text, { email: "ada@shop.example" })).toBeUndefined(),
  );

  it("is changed by who knows the old one; the other sessions end, this one stays", async () => {
    const user = await addPerson(portal);
    const [one, two] = [(await signIn(portal, user.email ?? "")).body, (await signIn(portal, user.email ?? "")).body];
    const change = (currentPassword: string, newPassword: string) =>
      portal.as(one.accessToken).send("POST", "/api/v1/auth/password/change", { currentPassword, newPassword });
    expect((await change("not the password", "another good password")).body.code).toBe("NEB665");
    expect((await change(goodPassword, "short")).body).toMatchObject({
      code: "NEB669",
      errors: [{ path: "newPassword" }],
    });
    expect((await change(goodPassword, "another good password")).status).toBe(204);
    await eventually("the other is dead", async () => (await me(two.accessToken)).status === 401, { timeoutMs: 1000 });
    expect((await me(one.accessToken)).status).toBe(200);
    expect((await signIn(portal, user.email ?? "")).status).toBe(401);
    expect((await signIn(portal, user.email ?? "", "another good password")).status).toBe(200);
  });

  it("and the rest of an account are not for keys", async () => {
    const key = portal.as(await portal.tokenFor("platform-admin"));
    expect((await key.get("/api/v1/auth/me")).body.code).toBe("NEB668");
    expect((await key.send("POST", "/api/v1/auth/logout-all")).body.code).toBe("NEB668");
  });
});

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { refreshSession, verifySession } from "../../platform/identity/index.ts";
import { expireIdentity } from "../../platform/store/index.ts";
import { eventually } from "../harness/eventually.ts";
import { startPortal, type TestPortal } from "../portal/harness.ts";
import { addPerson, post, signIn } from "./people.ts";

let one: TestPortal;
let two: TestPortal;
beforeAll(async () => {
  one = await startPortal();
  two = await startPortal({ beside: one });
});
afterAll(async () => {
  await two.close();
  await one.close();
});

const me = (portal: TestPortal, token: string) => portal.as(token).get("/api/v1/auth/me");

describe("of two portals on one ledger", () => {
  it("each takes the other's sessions, and an ended one is dead on both within a second", async () => {
    const user = await addPerson(one);
    const { body } = await signIn(one, user.email ?? "");
    expect((await me(two, body.accessToken)).status).toBe(200);
    expect((await post(one, "/logout", { refreshToken: body.refreshToken })).status).toBe(204);
    await eventually("dead there too", async () => (await me(two, body.accessToken)).status === 401, {
      timeoutMs: 1000,
    });
  });

  it("an ended session is dead within three seconds also where no notification arrives", async () => {
    const user = await addPerson(one);
    const { body } = await signIn(one, user.email ?? "");
    const deaf = { ...two.identity };
    expect(await verifySession(deaf, body.accessToken)).toBeDefined();
    await one.sql.query("alter table sessions disable trigger user");
    await one.sql.query("update sessions set ended_at = now() where id = $1", [body.sessionId]);
    await one.sql.query("alter table sessions enable trigger user");
    await eventually("dead", async () => (await verifySession(deaf, body.accessToken)) === undefined, {
      timeoutMs: 3500,
    });
  });

  it("a key that one rotates signs at the other, and tokens of before are good at both", async () => {
    const user = await addPerson(one);
    const before = (await signIn(two, user.email ?? "")).body.accessToken as string;
    const id = await one.identity.keys.rotate();
    await eventually("the other knows", async () => (await two.identity.keys.signer()).id === id, { timeoutMs: 2000 });
    for (const portal of [one, two]) expect((await me(portal, before)).status).toBe(200);
  });

  it("a token that is exchanged at both at once has one successor", async () => {
    const user = await addPerson(one);
    const { refreshToken } = (await signIn(one, user.email ?? "")).body;
    const client = { address: "127.0.0.1", agent: "node" };
    const endings = await Promise.all(
      [one, two, one, two].map(({ identity }) => refreshSession(identity, refreshToken, client)),
    );
    const successors = endings.map((ending) => ending.kind === "refreshed" && ending.tokens.refreshToken.reveal());
    expect(new Set(successors).size).toBe(1);
    expect(successors[0]).toMatch(/^ndr_/);
  });

  it("one makes the first signing key, however many start at once", async () => {
    await one.sql.query("delete from signing_keys");
    for (const { identity } of [one, two]) identity.keys.forget();
    const signers = await Promise.all([one, two, one, two].map(({ identity }) => identity.keys.signer()));
    expect(new Set(signers.map(({ id }) => id)).size).toBe(1);
  });
});

it("what nobody can use any more is deleted, and nothing else", async () => {
  const user = await addPerson(one);
  const [kept, old] = [(await signIn(one, user.email ?? "")).body, (await signIn(one, user.email ?? "")).body];
  await one.sql.query("update sessions set ended_at = now() - interval '8 days' where id = $1", [old.sessionId]);
  await one.sql.query("update sign_in_attempts set window_ends_at = now() - interval '1 second'");
  expect(await expireIdentity(one.sql)).toBeGreaterThan(0);
  const ids = await one.sql.query<{ id: string }>("select id from sessions where user_id = $1", [user.id]);
  expect(ids).toEqual([{ id: kept.sessionId }]);
  expect(await one.sql.query("select 1 from sign_in_attempts")).toEqual([]);
  expect((await me(one, kept.accessToken)).status).toBe(200);
  expect(await expireIdentity(one.sql)).toBe(0);
});

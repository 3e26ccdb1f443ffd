import { type TOTP, URI } from "otpauth";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../platform/core/index.ts";
import type { User } from "../../platform/store/index.ts";
import { startPortal, type TestPortal } from "../portal/harness.ts";
import { addPerson, goodPassword, post, signIn } from "./people.ts";

let portal: TestPortal;
/** Steps of 30 seconds must pass, and nobody waits for them. */
let aheadMs = 0;
beforeAll(async () => {
  portal = await startPortal({ identity: { clock: { ...systemClock, now: () => Date.now() + aheadMs } } });
});
afterAll(() => portal.close());

type Enrolled = { user: User; token: string; totp: TOTP; recoveryCodes: string[] };

const codeOf = (totp: TOTP): string => totp.generate({ timestamp: Date.now() + aheadMs });
const nextStep = () => {
  aheadMs += 30_000;
};

async function enrol(): Promise<Enrolled> {
  const user = await addPerson(portal);
  const token = (await signIn(portal, user.email ?? "")).body.accessToken;
  const me = portal.as(token);
  expect((await me.send("POST", "/api/v1/auth/totp", { currentPassword: "not the password" })).status).toBe(401);
  const begun = await me.send("POST", "/api/v1/auth/totp", { currentPassword: goodPassword });
  const totp = URI.parse(begun.body.uri) as TOTP;
  expect(totp).toMatchObject({ issuer: "NebulaDB", label: user.email, digits: 6, period: 30 });
  expect((await signIn(portal, user.email ?? "")).body.status).toBe("signed-in");
  nextStep();
  const confirmed = await me.send("POST", "/api/v1/auth/totp/confirm", { code: codeOf(totp) });
  expect(confirmed.body.recoveryCodes).toHaveLength(10);
  return { user, token, totp, recoveryCodes: confirmed.body.recoveryCodes };
}

const half = async ({ user }: Enrolled) => (await signIn(portal, user.email ?? "")).body.mfaToken as string;
const finish = (mfaToken: string, code: string) => post(portal, "/mfa", { mfaToken, code });

describe("a second factor", () => {
  it("is asked for once it is confirmed, and its code finishes the sign-in", async () => {
    const enrolled = await enrol();
    const first = await signIn(portal, enrolled.user.email ?? "");
    expect(first.body).toMatchObject({ status: "second-factor", methods: ["totp", "recovery-code"] });
    expect(first.body.accessToken).toBeUndefined();
    nextStep();
    const { status, body } = await finish(first.body.mfaToken, codeOf(enrolled.totp));
    expect(status).toBe(200);
    const { body: sessions } = await portal.as(body.accessToken).get("/api/v1/auth/sessions");
    expect(sessions.items.find((one: { current: boolean }) => one.current).methods).toEqual(["pwd", "otp", "mfa"]);
  });

  it("takes each code once, and none of the steps before", async () => {
    const enrolled = await enrol();
    nextStep();
    const code = codeOf(enrolled.totp);
    const tokens = [await half(enrolled), await half(enrolled), await half(enrolled)];
    const both = await Promise.all(tokens.slice(0, 2).map((token) => finish(token, code)));
    expect(both.map(({ status }) => status).sort()).toEqual([200, 401]);
    const before = enrolled.totp.generate({ timestamp: Date.now() + aheadMs - 30_000 });
    expect((await finish(tokens[2] ?? "", before)).status).toBe(401);
  });

  it("takes a recovery code once, however it is typed", async () => {
    const enrolled = await enrol();
    const [code = ""] = enrolled.recoveryCodes;
    expect((await finish(await half(enrolled), code.toUpperCase().replaceAll("-", " "))).status).toBe(200);
    expect((await finish(await half(enrolled), code)).status).toBe(401);
    const { body } = await portal.as(enrolled.token).get("/api/v1/auth/me");
    expect(body).toMatchObject({ secondFactor: true, recoveryCodesLeft: 9 });
  });

  it("a half sign-in opens nothing else, works once, and ends after five wrong codes", async () => {
    const enrolled = await enrol();
    const token = await half(enrolled);
    expect((await portal.as(token).get("/api/v1/auth/me")).status).toBe(401);
    expect((await post(portal, "/refresh", { refreshToken: token })).status).toBe(401);
    for (let i = 0; i < 5; i++) expect((await finish(token, "000000")).status).toBe(401);
    nextStep();
    expect((await finish(token, codeOf(enrolled.totp))).status).toBe(401);
    const next = await half(enrolled);
    nextStep();
    expect((await finish(next, codeOf(enrolled.totp))).status).toBe(200);
    nextStep();
    expect((await finish(next, codeOf(enrolled.totp))).status).toBe(401);
  });

  it("cannot be guessed by whoever knows the password: ten wrong codes an hour", async () => {
    const enrolled = await enrol();
    const statuses: number[] = [];
    for (let i = 0; i < 4; i++) {
      const token = await half(enrolled);
      if (token === undefined) break;
      for (let j = 0; j < 5; j++) statuses.push((await finish(token, "123456")).status);
    }
    expect(statuses.filter((status) => status === 401)).toHaveLength(10);
    expect(statuses.at(-1)).toBe(429);
  });

  it("is removed with password and code; lost, by an administrator", async () => {
    const enrolled = await enrol();
    const me = portal.as(enrolled.token);
    const remove = (code: string) =>
      me.send("POST", "/api/v1/auth/totp/remove", { currentPassword: goodPassword, code });
    expect((await remove("000000")).status).toBe(401);
    expect((await me.send("POST", "/api/v1/auth/totp", { currentPassword: goodPassword })).body.code).toBe("NEB672");
    nextStep();
    expect((await remove(codeOf(enrolled.totp))).status).toBe(204);
    expect((await signIn(portal, enrolled.user.email ?? "")).body.status).toBe("signed-in");
    const other = await enrol();
    const admin = portal.as(await portal.tokenFor("platform-admin"));
    expect((await admin.send("DELETE", `/api/v1/users/${other.user.id}/second-factor`)).status).toBe(204);
    expect((await signIn(portal, other.user.email ?? "")).body.status).toBe("signed-in");
  });

  it("stands sealed and hashed in the ledger", async () => {
    const { totp, recoveryCodes } = await enrol();
    const rows = JSON.stringify([
      await portal.sql.query("select * from totp_factors"),
      await portal.sql.query("select * from recovery_codes"),
    ]);
    expect(rows).not.toContain(totp.secret.base32);
    expect(rows).not.toContain(recoveryCodes[0]);
  });
});

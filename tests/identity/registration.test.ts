import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeMailer } from "../../platform/mail/index.ts";
import { findUserByEmail } from "../../platform/store/index.ts";
import { ensureSetupToken, sendNext, startPost } from "../../portal/auth/index.ts";
import { eventually } from "../harness/eventually.ts";
import { startPortal, type TestPortal } from "../portal/harness.ts";
import { addPerson, goodPassword, type Mailbox, post, sendAll, signIn, startMailbox, tokenTo } from "./people.ts";

let portal: TestPortal;
let mailbox: Mailbox;
beforeAll(async () => {
  [portal, mailbox] = await Promise.all([
    startPortal({ auth: { limits: { mailsFromAddress: 1000 } } }),
    startMailbox(),
  ]);
});
afterAll(() => Promise.all([portal.close(), mailbox.close()]));

let people = 0;
const someone = () => `grace.${++people}@bank.example`;
const register = (email: string) => post(portal, "/register", { email, name: "Grace" });
const mailsTo = (email: string) => mailbox.mails.filter(({ to }) => to === email);

describe("a registration", () => {
  it("is a mail; its token and a password make the account and sign in", async () => {
    const email = someone();
    expect((await register(email)).status).toBe(202);
    expect(await findUserByEmail(portal.sql, email)).toBeUndefined();
    await sendAll(portal, mailbox);
    const token = await tokenTo(mailbox, email);
    expect((await post(portal, "/verify", { token, password: "password1234" })).body.code).toBe("NEB669");
    const { status, body } = await post(portal, "/verify", { token, password: goodPassword });
    expect({ status, person: body.person }).toMatchObject({ status: 201, person: { email, name: "Grace" } });
    expect((await portal.as(body.accessToken).get("/api/v1/auth/me")).status).toBe(200);
    expect((await signIn(portal, email)).status).toBe(200);
    expect((await post(portal, "/verify", { token, password: goodPassword })).body.code).toBe("NEB670");
  });

  it("answers the same for somebody who has an account, and only the mail says so", async () => {
    const known = await addPerson(portal);
    const fresh = someone();
    const answers = [await register(known.email ?? ""), await register(fresh)];
    expect(answers.map(({ status, body }) => ({ status, body }))).toEqual([
      { status: 202, body: "" },
      { status: 202, body: "" },
    ]);
    await sendAll(portal, mailbox);
    expect(mailsTo(known.email ?? "").at(-1)?.text).toContain("You have an account already");
    expect(mailsTo(known.email ?? "").at(-1)?.text).not.toContain("nde_");
    expect(mailsTo(fresh)).toHaveLength(1);
  });

  it("cannot be finished with an older mail's token, another kind's, a changed one or one too old", async () => {
    const email = someone();
    await register(email);
    await sendAll(portal, mailbox);
    const older = await tokenTo(mailbox, email);
    await register(email);
    await sendAll(portal, mailbox);
    const newer = await tokenTo(mailbox, email);
    const verify = (token: string) => post(portal, "/verify", { token, password: goodPassword });
    expect((await verify(older)).status).toBe(401);
    expect((await verify(`${newer.slice(0, -1)}${newer.endsWith("A") ? "B" : "A"}`)).status).toBe(401);
    expect((await post(portal, "/password/reset", { token: newer, password: goodPassword })).status).toBe(401);
    await portal.sql.query("update email_tokens set expires_at = now() where email = $1", [email]);
    expect((await verify(newer)).status).toBe(401);
  });

  it("makes one account of many answers at once", async () => {
    const email = someone();
    await register(email);
    await sendAll(portal, mailbox);
    const token = await tokenTo(mailbox, email);
    const all = await Promise.all(
      Array.from({ length: 8 }, () => post(portal, "/verify", { token, password: goodPassword })),
    );
    expect(all.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(all.filter(({ status }) => status === 401)).toHaveLength(7);
  });

  it("fills nobody's mailbox: three mails an hour, and the answer does not change", async () => {
    const email = someone();
    for (let i = 0; i < 6; i++) expect((await register(email)).status).toBe(202);
    await sendAll(portal, mailbox);
    expect(mailsTo(email)).toHaveLength(3);
  });

  it.each(["invited", "closed"] as const)("is refused to strangers where it is %s", async (registration) => {
    const other = await startPortal({ beside: portal, auth: { registration } });
    try {
      const { body } = await post(other, "/register", { email: someone() });
      expect(body.code).toBe("NEB671");
      // Nobody is sent for an invitation that nobody can send.
      expect(/user invite/.test(body.hint)).toBe(registration === "invited");
      const admin = other.as(await portal.tokenFor("platform-admin"));
      const invited = await admin.send("POST", "/api/v1/users/invitations", { email: someone() });
      expect(invited.status).toBe(registration === "invited" ? 202 : 409);
      if (registration === "closed") expect(invited.body.hint).toContain("NEBULA_REGISTRATION=invited");
    } finally {
      await other.close();
    }
  });
});

describe("an invitation", () => {
  it("comes from an administrator, and makes the account of its e-mail only", async () => {
    const email = someone();
    const admin = portal.as(await portal.tokenFor("platform-admin"));
    const invited = await admin.send("POST", "/api/v1/users/invitations", { email, platformAdmin: true });
    expect(invited).toMatchObject({ status: 202, body: { via: "folder" } });
    await sendAll(portal, mailbox);
    const token = await tokenTo(mailbox, email);
    const { body } = await post(portal, "/verify", { token, name: "Hopper", password: goodPassword });
    expect(body.person).toMatchObject({ email, name: "Hopper", platformAdmin: true });
    expect((await portal.as(body.accessToken).get("/api/v1/users")).status).toBe(200);
  });

  it("by a Domain Admin makes no platform administrator", async () => {
    const domain = portal.as(await portal.tokenFor("domain-admin"));
    const ask = (platformAdmin: boolean) =>
      domain.send("POST", "/api/v1/users/invitations", { email: someone(), platformAdmin });
    expect((await ask(true)).body.code).toBe("NEB662");
    expect((await ask(false)).status).toBe(202);
  });
});

describe("a lost password", () => {
  it("is replaced by the token of a mail, and every session ends", async () => {
    const user = await addPerson(portal);
    const email = user.email ?? "";
    const before = (await signIn(portal, email)).body;
    expect((await post(portal, "/password/forgot", { email })).status).toBe(202);
    await sendAll(portal, mailbox);
    const token = await tokenTo(mailbox, email);
    expect((await post(portal, "/password/reset", { token, password: "a new password of mine" })).status).toBe(204);
    await eventually(
      "the session is dead",
      async () => (await portal.as(before.accessToken).get("/api/v1/auth/me")).status === 401,
      { timeoutMs: 1000 },
    );
    expect((await signIn(portal, email)).status).toBe(401);
    expect((await signIn(portal, email, "a new password of mine")).status).toBe(200);
    expect((await post(portal, "/password/reset", { token, password: goodPassword })).status).toBe(401);
    await sendAll(portal, mailbox);
    expect(mailsTo(email).at(-1)?.text).toContain("was changed");
  });

  it("answers the same for nobody, and sends nothing", async () => {
    const nobody = someone();
    const { status, body } = await post(portal, "/password/forgot", { email: nobody });
    expect({ status, body }).toEqual({ status: 202, body: "" });
    await sendAll(portal, mailbox);
    expect(mailsTo(nobody)).toEqual([]);
  });
});

describe("the first administrator", () => {
  it("is made once, by the token that is printed once", async () => {
    const fresh = await startPortal();
    try {
      let kept = "";
      const token = await ensureSetupToken(fresh.sql, (secret) => {
        kept = secret.reveal();
      });
      expect(token?.reveal()).toBe(kept);
      expect(await ensureSetupToken(fresh.sql, () => undefined)).toBeUndefined();
      const setUp = (email: string, password = goodPassword) =>
        post(fresh, "/setup", { token: kept, email, name: "Root", password });
      expect((await setUp("root@nebula.example", "short")).body.code).toBe("NEB669");
      const { status, body } = await setUp("root@nebula.example");
      expect({ status, person: body.person }).toMatchObject({ status: 201, person: { platformAdmin: true } });
      expect((await setUp("second@nebula.example")).body.code).toBe("NEB670");
      expect(await ensureSetupToken(fresh.sql, () => undefined)).toBeUndefined();
      expect((await fresh.as(body.accessToken).get("/api/v1/users")).body.items).toHaveLength(1);
    } finally {
      await fresh.close();
    }
  });
});

describe("mail", () => {
  it("is tried again when the server refuses, with a token that works", async () => {
    const email = someone();
    mailbox.refuse(true);
    await register(email);
    await sendAll(portal, mailbox);
    expect(mailsTo(email)).toEqual([]);
    expect(portal.observed.some((one) => one.kind === "mail.failed" && one.willRetry)).toBe(true);
    mailbox.refuse(false);
    await portal.sql.query("update mail_jobs set run_after = now()");
    await sendAll(portal, mailbox);
    const token = await tokenTo(mailbox, email);
    expect((await post(portal, "/verify", { token, password: goodPassword })).status).toBe(201);
  });

  it("leaves by itself soon after it is queued, once, however many portals send", async () => {
    const mailer = makeMailer({ url: mailbox.url, from: "nebuladb@nebula.example", folder: "" });
    const posts = await Promise.all([startPost(portal.auth, mailer), startPost(portal.auth, mailer)]);
    const email = someone();
    await register(email);
    await tokenTo(mailbox, email);
    await Promise.all(posts.map((one) => one.close()));
    mailer.close();
    expect(mailsTo(email)).toHaveLength(1);
  });

  it("becomes a file where there is no server, readable by its owner only", async () => {
    const folder = await mkdtemp(join(tmpdir(), "mail-"));
    try {
      const mailer = makeMailer({ url: undefined, from: "nebuladb@localhost", folder: join(folder, "mail") });
      expect(mailer.via).toBe("folder");
      const email = someone();
      await register(email);
      while (await sendNext(portal.auth, mailer));
      const files = await readdir(join(folder, "mail"));
      expect(files).toEqual([expect.stringMatching(/\.eml$/)]);
      const file = join(folder, "mail", files[0] ?? "");
      expect((await stat(file)).mode & 0o777).toBe(0o600);
      const text = await readFile(file, "utf8");
      expect(text).toContain(`To: ${email}`);
      // As it must be typed: nothing breaks it.
      expect(text).toMatch(/^nde_[0-9a-z]{26}_[\w-]{43}$/m);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("never carries a one-time token in clear into the ledger", async () => {
    const email = someone();
    await register(email);
    const queued = await portal.sql.query("select * from mail_jobs where email = $1", [email]);
    expect(JSON.stringify(queued)).not.toContain("nde_");
    await sendAll(portal, mailbox);
    const token = await tokenTo(mailbox, email);
    const rows = await portal.sql.query("select * from email_tokens where email = $1", [email]);
    expect(JSON.stringify(rows)).not.toContain(token.split("_")[2]);
  });
});

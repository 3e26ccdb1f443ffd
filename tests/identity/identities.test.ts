import { createHash, randomBytes } from "node:crypto";
import { type TOTP, URI } from "otpauth";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { endSessions, findUserByIdentity } from "../../platform/store/index.ts";
import { type GitHubServer, type Octocat, startGitHub } from "./github-server.ts";
import { accessTokenOf, type Browser, type FederatedPortal, makeBrowser, type Page, startFederated } from "./oidc.ts";
import { addPerson, goodPassword, signIn } from "./people.ts";

const secret = "0123456789abcdef0123456789abcdef01234567";
let github: GitHubServer;
let portal: FederatedPortal;
beforeAll(async () => {
  github = await startGitHub({ id: "Iv1.test", secret });
  const settings = {
    url: github.url,
    clientId: "Iv1.test",
    clientSecret: secret,
    trustedEmailDomains: ["shop.example"],
  };
  portal = await startFederated(async () => ({ github: settings }));
});
afterAll(() => Promise.all([portal.close(), github.close()]));

let cats = 1000;
function octocat(part: Partial<Octocat> & { readonly email?: string; readonly verified?: boolean } = {}): Octocat {
  const { email = `cat${cats}@nowhere.example`, verified = true, ...rest } = part;
  const emails = [
    { email: `spare${cats}@shop.example`, primary: false, verified: true },
    { email, primary: true, verified },
  ];
  const cat = { id: ++cats, login: `octo${cats}`, name: "Octo Cat", emails, ...rest };
  github.signsIn = cat;
  return cat;
}

const start = (query = "") => `${portal.publicUrl}/api/v1/auth/github/start${query}`;
const problemOf = (page: Page) => ({ status: page.status, code: /NEB\d{3}/.exec(page.text)?.[0] });

/** A person who is signed in with a password, in a browser or for a command. */
async function person(browser?: Browser) {
  const user = await addPerson(portal);
  const { body } = await signIn(portal, user.email ?? "");
  const token = body.accessToken as string;
  const authorization = { authorization: `Bearer ${token}` };
  const send = (path: string, given: object, as: Browser = browser ?? makeBrowser()) =>
    as.send(`${portal.publicUrl}/api/v1/auth${path}`, given, authorization);
  return { user, me: portal.as(token), send };
}

/** What a command does: its half of the loopback, without the port. */
function command(purpose: "sign-in" | "link") {
  const verifier = randomBytes(32).toString("base64url");
  const query = new URLSearchParams({
    ...{ loopback: "http://127.0.0.1:4321/callback", state: "the-state-of-the-command", purpose },
    challenge: createHash("sha256").update(verifier).digest("base64url"),
  });
  return {
    verifier,
    /** Where the browser ends up. */
    async go(browser = makeBrowser()): Promise<URL> {
      return new URL((await browser.open(start(`?${query}`), "http://127.0.0.1:4321/callback")).url);
    },
    async code(): Promise<string> {
      return (await this.go()).searchParams.get("code") ?? "";
    },
  };
}
const exchange = (code: string, verifier: string) =>
  portal.as("").send("POST", "/api/v1/auth/exchange", { code, verifier });

describe("sign-in by GitHub", () => {
  it("opens the account that the number is linked to, whatever the login is, and reviews find its owner", async () => {
    const browser = makeBrowser();
    const { user, send } = await person(browser);
    const cat = octocat();
    const { url } = JSON.parse(
      (await send("/identities/begin", { provider: "github", currentPassword: goodPassword })).text,
    );
    expect((await browser.open(url)).text).toContain(`${cat.login} at GitHub signs you in from now on`);
    github.signsIn = { ...cat, login: "renamed" };
    const other = makeBrowser();
    expect((await other.open(start())).text).toContain(`signed in as ${user.email}`);
    const { body } = await portal.as(await accessTokenOf(other, portal)).get("/api/v1/auth/identities");
    expect(body.items).toMatchObject([{ provider: "github", subject: String(cat.id), login: "renamed" }]);
    expect((await findUserByIdentity(portal.sql, "github", String(cat.id)))?.id).toBe(user.id);
    github.signsIn = { ...cat, id: cat.id + 500_000 };
    expect(problemOf(await makeBrowser().open(start()))).toEqual({ status: 403, code: "NEB638" });
  });

  it("counts only the primary address, and only when GitHub has verified it", async () => {
    const trusted = await addPerson(portal, { email: "trusting@shop.example" });
    for (const part of [
      { email: "trusting@shop.example", verified: false },
      { emails: "hidden" as const },
      { emails: [{ email: "trusting@shop.example", primary: false, verified: true }] },
    ]) {
      octocat(part);
      expect(problemOf(await makeBrowser().open(start()))).toEqual({ status: 403, code: "NEB638" });
    }
    octocat({ email: "Trusting@Shop.example" });
    expect((await makeBrowser().open(start())).text).toContain(`signed in as ${trusted.email}`);
  });

  it("ends well when somebody says no there, when the code is wrong, and when GitHub is down", async () => {
    github.signsIn = "denies";
    const denied = await makeBrowser().open(start());
    expect(denied).toMatchObject({ status: 401, text: expect.stringContaining("access_denied") });
    octocat();
    const browser = makeBrowser();
    const { url } = await browser.open(start(), `${portal.publicUrl}/api/v1/auth/github/callback`);
    expect(problemOf(await browser.open(url.replace(/code=\w+/, "code=abc")))).toEqual({ status: 401, code: "NEB637" });
    const late = makeBrowser();
    const back = await late.open(start(), `${portal.publicUrl}/api/v1/auth/github/callback`);
    github.broken = 502;
    const down = await late.open(back.url);
    github.broken = undefined;
    expect(problemOf(down)).toEqual({ status: 502, code: "NEB636" });
  });

  it("asks for the second factor, on a page that finishes the sign-in", async () => {
    const { user, me } = await person();
    const begun = await me.send("POST", "/api/v1/auth/totp", { currentPassword: goodPassword });
    const totp = URI.parse(begun.body.uri) as TOTP;
    await me.send("POST", "/api/v1/auth/totp/confirm", { code: totp.generate() });
    const cat = octocat();
    await portal.sql.query("insert into user_identities (provider, subject, user_id) values ('github', $1, $2)", [
      String(cat.id),
      user.id,
    ]);
    const browser = makeBrowser();
    const page = await browser.open(start("?returnTo=/docs"));
    expect(browser.jar.get(portal.publicUrl)?.has("nebula_refresh")).toBe(false);
    const [, mfaToken] = /data-token="([^"]+)"/.exec(page.text) ?? [];
    expect(page.text).toContain('data-next="/docs"');
    const code = totp.generate({ timestamp: Date.now() + 30_000 });
    const answer = await browser.send(`${portal.publicUrl}/api/v1/auth/mfa`, { mfaToken, code, keep: "cookie" });
    expect(answer.status, answer.text).toBe(200);
    const sessions = await portal.as(await accessTokenOf(browser, portal)).get("/api/v1/auth/sessions");
    expect(sessions.body.items[0].methods).toEqual(["fed", "otp", "mfa"]);
  });
});

describe("linking", () => {
  it("needs the password, and the session that began it", async () => {
    const browser = makeBrowser();
    const { user, send } = await person(browser);
    const without = await send("/identities/begin", { provider: "github" });
    expect(without.status).toBe(401);
    octocat();
    const begun = await send("/identities/begin", { provider: "github", currentPassword: goodPassword });
    await endSessions(portal.sql, user.id, "everywhere");
    expect(problemOf(await browser.open(JSON.parse(begun.text).url))).toEqual({ status: 401, code: "NEB665" });
    const key = await portal.tokenFor("developer");
    const { body } = await portal.as(key).get("/api/v1/auth/identities");
    expect(body.code).toBe("NEB668");
  });

  it("cannot be done to somebody else by an address that is sent to him", async () => {
    const mine = makeBrowser();
    const attacker = await person(mine);
    const victim = makeBrowser();
    octocat();
    const { text } = await attacker.send("/identities/begin", { provider: "github", currentPassword: goodPassword });
    // The victim's browser follows the attacker's address to GitHub and comes back without the attacker's cookie.
    expect(problemOf(await victim.open(JSON.parse(text).url))).toEqual({ status: 401, code: "NEB637" });
    // With a command's address the victim's proof goes to the victim's own machine, and is worth nothing without the secret.
    const code = await command("link").code();
    const stolen = await attacker.send("/identities", {
      code,
      verifier: "x".repeat(43),
      currentPassword: goodPassword,
    });
    expect(problemOf(stolen)).toEqual({ status: 401, code: "NEB637" });
    const { body } = await attacker.me.get("/api/v1/auth/identities");
    expect(body.items).toEqual([]);
  });

  it("gives an identity to one account only, until it is unlinked there; the only way in stays", async () => {
    const cat = octocat();
    const linkFor = async ({ send }: Awaited<ReturnType<typeof person>>) => {
      const run = command("link");
      const given = { code: await run.code(), verifier: run.verifier, currentPassword: goodPassword };
      return (await send("/identities", given)).status;
    };
    const [ada, joan] = [await person(), await person()];
    expect(await linkFor(ada)).toBe(204);
    expect(await linkFor(ada)).toBe(204);
    expect(await linkFor(joan)).toBe(409);
    const body = { provider: "github", subject: String(cat.id), currentPassword: goodPassword };
    expect((await joan.send("/identities/unlink", body)).status).toBe(409);
    const elsewhere = (await signIn(portal, ada.user.email ?? "")).body.accessToken;
    expect(JSON.parse((await ada.send("/identities/unlink", body)).text)).toEqual({ endedSessions: 1 });
    expect((await portal.as(elsewhere).get("/api/v1/auth/me")).status).toBe(401);
    expect((await ada.me.get("/api/v1/auth/me")).status).toBe(200);
    expect(await linkFor(joan)).toBe(204);
    await portal.sql.query("update users set password_hash = null where id = $1", [joan.user.id]);
    const { status, text } = await joan.send("/identities/unlink", { ...body, currentPassword: undefined });
    expect({ status, text }).toMatchObject({ status: 409, text: expect.stringContaining("only way in") });
    const audit = await portal
      .as(await portal.tokenFor("platform-admin"))
      .get(`/api/v1/audit-logs?action=auth.link&actor=${joan.user.email}`);
    expect(audit.body.items.map(({ result }: { result: string }) => result).sort()).toEqual(["accepted", "refused"]);
  });
});

describe("a command's sign-in", () => {
  it("gets a session for its code and its secret, once", async () => {
    const { user } = await person();
    const cat = octocat();
    await portal.sql.query("insert into user_identities (provider, subject, user_id) values ('github', $1, $2)", [
      String(cat.id),
      user.id,
    ]);
    const run = command("sign-in");
    const landed = await run.go();
    expect(landed.searchParams.get("state")).toBe("the-state-of-the-command");
    const code = landed.searchParams.get("code") ?? "";
    const first = await exchange(code, run.verifier);
    expect(first.body).toMatchObject({ status: "signed-in", person: { email: user.email } });
    expect((await exchange(code, run.verifier)).body.code).toBe("NEB637");
    const wrong = await run.code();
    expect((await exchange(wrong, "y".repeat(43))).body.code).toBe("NEB637");
    expect((await exchange(wrong, run.verifier)).body.code).toBe("NEB637");
    const link = command("link");
    expect((await exchange(await link.code(), link.verifier)).body.code).toBe("NEB637");
  });

  it("learns from the browser that the provider refused", async () => {
    github.signsIn = "denies";
    const landed = await command("sign-in").go();
    expect(Object.fromEntries(landed.searchParams)).toEqual({ error: "NEB637", state: "the-state-of-the-command" });
  });
});

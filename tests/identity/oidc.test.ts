import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { guardedFetch } from "../../platform/core/index.ts";
import { setDisabled } from "../../platform/store/index.ts";
import {
  accessTokenOf,
  clientSecret,
  type FederatedPortal,
  insideFetch,
  type Lie,
  makeBrowser,
  makeLiar,
  type Page,
  signed,
  startFederated,
  startOidcProvider,
  type TestProvider,
} from "./oidc.ts";
import { addPerson } from "./people.ts";

let provider: TestProvider;
let other: TestProvider;
let portal: FederatedPortal;
const liar = makeLiar(insideFetch());
let impostor: Server;
/** Serves the metadata of another provider as its own. */
async function pretend(issuer: string): Promise<string> {
  impostor = createServer(async (_request, response) => {
    const metadata = await fetch(`${issuer}/.well-known/openid-configuration`);
    response.setHeader("content-type", "application/json").end(await metadata.text());
  });
  await new Promise<void>((resolve) => impostor.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(impostor.address() as AddressInfo).port}`;
}
beforeAll(async () => {
  portal = await startFederated(
    async (publicUrl) => {
      const back = (name: string) => `${publicUrl}/api/v1/auth/oidc/${name}/callback`;
      provider = await startOidcProvider([back("corp")]);
      other = await startOidcProvider([back("other"), back("corp")]);
      const client = { clientId: "nebula", clientSecret };
      return {
        oidc: [
          {
            ...{ name: "corp", label: "Corp", issuer: provider.issuer, ...client },
            ...{ emailDomains: ["corp.example", "trusted.example"], trustedEmailDomains: ["trusted.example"] },
            createAccounts: true,
          },
          { name: "other", issuer: other.issuer, ...client },
          { name: "gone", issuer: "http://127.0.0.1:9", ...client },
          { name: "impostor", issuer: await pretend(provider.issuer), ...client },
        ],
      };
    },
    { fetch: (input, init) => liar.fetch(input, init) },
  );
});
afterAll(async () => {
  await Promise.all([portal.close(), provider.close(), other.close()]);
  await new Promise((resolve) => impostor.close(resolve));
});
beforeEach(() => {
  liar.lie = undefined;
});

let people = 0;
/** Somebody new at the provider, who signs in there next. */
function newcomer(claims: Parameters<TestProvider["people"]["set"]>[1] = {}, at = provider) {
  const subject = `sub-${++people}`;
  const email = `joan.${people}@corp.example`;
  const whole = { email, email_verified: true, name: "Joan Clarke", preferred_username: "joan", ...claims };
  at.people.set(subject, whole);
  at.signsIn = subject;
  return { subject, email: String(whole.email) };
}

const start = (name = "corp", query = "") => `${portal.publicUrl}/api/v1/auth/oidc/${name}/start${query}`;
const callback = (name = "corp") => `${portal.publicUrl}/api/v1/auth/oidc/${name}/callback`;
const problemOf = (page: Page) => ({ status: page.status, code: /NEB\d{3}/.exec(page.text)?.[0] });
const accounts = (email: string) => portal.sql.query("select * from users where email = $1", [email]);

describe("sign-in by an OpenID provider", () => {
  it("makes an account for a newcomer of an allowed domain, and finds it again", async () => {
    const { email, subject } = newcomer();
    const browser = makeBrowser();
    const page = await browser.open(start());
    expect(page).toMatchObject({ status: 200, text: expect.stringContaining(`You are signed in as ${email}`) });
    expect(page.headers.get("content-security-policy")).toMatch(/default-src 'none'/);
    const me = portal.as(await accessTokenOf(browser, portal));
    expect((await me.get("/api/v1/auth/me")).body).toMatchObject({
      person: { email, name: "Joan Clarke" },
      hasPassword: false,
    });
    expect((await me.get("/api/v1/auth/sessions")).body.items[0].methods).toEqual(["fed"]);
    const { items } = (await me.get("/api/v1/auth/identities")).body;
    expect(items).toMatchObject([{ provider: `oidc:${provider.issuer}`, subject, login: "joan" }]);

    provider.people.set(subject, { email: "renamed@corp.example", email_verified: true });
    const again = makeBrowser();
    await again.open(start());
    const second = portal.as(await accessTokenOf(again, portal));
    expect((await second.get("/api/v1/auth/me")).body.person.email).toBe(email);
    const admin = portal.as(await portal.tokenFor("platform-admin"));
    const { body } = await admin.get(`/api/v1/audit-logs?action=auth.oidcCallback&actor=${encodeURIComponent(email)}`);
    expect(body.items).toMatchObject([{ result: "accepted", details: { provider: "corp" } }, { result: "accepted" }]);
  });

  it("sends the browser on to a path of the portal, and to nowhere else", async () => {
    newcomer();
    const page = await makeBrowser().open(start("corp", "?returnTo=/docs%3Fa=b"), `${portal.publicUrl}/docs`);
    expect(page.url).toBe(`${portal.publicUrl}/docs?a=b`);
    for (const bad of ["//evil.example", "/\\evil.example", "https://evil.example", "docs", "/a\nb", "/%0d%0ax"])
      if (bad !== "/%0d%0ax")
        expect(problemOf(await makeBrowser().open(start("corp", `?returnTo=${encodeURIComponent(bad)}`)))).toEqual({
          status: 422,
          code: "NEB601",
        });
    for (const bad of [
      "https://127.0.0.1:1/callback",
      "http://evil.example:80/callback",
      "http://127.0.0.1:80/other",
    ]) {
      const query = `?loopback=${encodeURIComponent(bad)}&challenge=${"a".repeat(43)}&state=${"b".repeat(20)}`;
      expect((await makeBrowser().open(start("corp", query))).status).toBe(422);
    }
  });

  it.each([
    ["does not verify", { email_verified: false }],
    ["verifies with a word and not with true", { email_verified: "true" }],
    ["says nothing of", { email_verified: undefined }],
    ["verifies in a domain that may not come this way", { email: "joan@elsewhere.example" }],
    ["verifies in a domain that only looks allowed", { email: "joan@evilcorp.example" }],
  ])("lets nobody in whose e-mail address the provider %s", async (_what, claims) => {
    const { email } = newcomer(claims);
    expect(problemOf(await makeBrowser().open(start()))).toEqual({ status: 403, code: "NEB638" });
    expect(await accounts(email)).toEqual([]);
  });

  it("opens the account of an address only where the operator trusts the provider for it", async () => {
    const own = await addPerson(portal, { email: "owner@corp.example" });
    newcomer({ email: "owner@corp.example" });
    expect(problemOf(await makeBrowser().open(start()))).toEqual({ status: 403, code: "NEB638" });
    await addPerson(portal, { email: "waiting@trusted.example", verified: false });
    newcomer({ email: "waiting@trusted.example" });
    expect(problemOf(await makeBrowser().open(start()))).toEqual({ status: 403, code: "NEB638" });
    const trusted = await addPerson(portal, { email: "owner@trusted.example" });
    newcomer({ email: "owner@trusted.example" });
    expect((await makeBrowser().open(start())).status).toBe(200);
    const linked = await portal.sql.query("select user_id from user_identities where user_id = any($1)", [
      [own.id, trusted.id],
    ]);
    expect(linked).toEqual([{ user_id: trusted.id }]);
    const mails = await portal.sql.query("select kind from mail_jobs where email = 'owner@trusted.example'");
    expect(mails).toEqual([{ kind: "way-in-added" }]);
  });

  it("makes no account where the provider may not, and lets no disabled one in", async () => {
    newcomer({}, other);
    expect(problemOf(await makeBrowser().open(start("other")))).toEqual({ status: 403, code: "NEB638" });
    const { email } = newcomer();
    expect((await makeBrowser().open(start())).status).toBe(200);
    const [user] = (await accounts(email)) as { id: string }[];
    await setDisabled(portal.sql, user?.id ?? "", true);
    expect(problemOf(await makeBrowser().open(start()))).toEqual({ status: 401, code: "NEB665" });
  });

  it("answers programs with a problem document", async () => {
    const { status, headers, body } = await portal.as("").get("/api/v1/auth/oidc/corp/callback?code=a&state=b");
    expect({ status, code: body.code }).toEqual({ status: 401, code: "NEB637" });
    expect(headers.get("content-type")).toContain("application/problem+json");
    expect((await portal.as("").get("/api/v1/auth/oidc/nobody/start")).body.code).toBe("NEB635");
    const { body: listed } = await portal.as("").get("/api/v1/auth/providers");
    expect(listed.items[0]).toEqual({ name: "corp", kind: "oidc", label: "Corp", startUrl: start() });
  });

  it("knows a key that the provider began to sign with a moment ago", async () => {
    newcomer();
    expect((await makeBrowser().open(start())).status).toBe(200);
    await provider.rotate();
    newcomer();
    expect((await makeBrowser().open(start())).status).toBe(200);
  });

  it("says that a provider is away, or not who it should be, without a fault of its own", async () => {
    expect(problemOf(await makeBrowser().open(start("gone")))).toEqual({ status: 502, code: "NEB636" });
    const page = await makeBrowser().open(start("impostor"));
    expect(page).toMatchObject({ status: 502, text: expect.stringContaining("is not the issuer") });
    expect(portal.observed.filter(({ kind }) => kind === "fault")).toEqual([]);
  });
});

describe("an answer that is not for this sign-in", () => {
  const refused = { status: 401, code: "NEB637" };
  /** A browser on its way back, stopped before the portal. */
  async function halfway(name = "corp") {
    const browser = makeBrowser();
    const { url } = await browser.open(start(name), callback());
    return { browser, url: new URL(url) };
  }

  it("is refused in another browser, without a cookie, with another state, and when it comes again", async () => {
    newcomer();
    const { browser, url } = await halfway();
    expect(problemOf(await makeBrowser().open(url.href))).toEqual(refused);
    const stranger = makeBrowser();
    await stranger.open(start(), provider.issuer);
    expect(problemOf(await stranger.open(url.href))).toEqual(refused);
    const changed = new URL(url);
    changed.searchParams.set("state", "another");
    expect(problemOf(await browser.open(changed.href))).toEqual(refused);
    const ticket = browser.jar.get(portal.publicUrl)?.get("nebula_sign_in") ?? "";
    expect((await browser.open(url.href)).status).toBe(200);
    browser.jar.get(portal.publicUrl)?.set("nebula_sign_in", ticket);
    expect(problemOf(await browser.open(url.href))).toEqual(refused);
  });

  it("is refused with somebody else's code in it, and with a code that was used", async () => {
    newcomer();
    const theirs = await halfway();
    newcomer();
    const mine = await halfway();
    const mixed = new URL(mine.url);
    mixed.searchParams.set("code", theirs.url.searchParams.get("code") ?? "");
    expect(problemOf(await mine.browser.open(mixed.href))).toEqual(refused);
    const next = await halfway();
    expect((await next.browser.open(next.url.href)).status).toBe(200);
    const late = await halfway();
    late.url.searchParams.set("code", next.url.searchParams.get("code") ?? "");
    expect(problemOf(await late.browser.open(late.url.href))).toEqual(refused);
  });

  it("is refused at the address of another provider, and with another issuer's name on it", async () => {
    newcomer({}, provider);
    const atOther = await halfway();
    const moved = `${callback("other")}${atOther.url.search}`;
    expect(problemOf(await atOther.browser.open(moved))).toEqual(refused);
    for (const iss of [other.issuer, undefined]) {
      const { browser, url } = await halfway();
      if (iss === undefined) url.searchParams.delete("iss");
      else url.searchParams.set("iss", iss);
      expect({ iss, ...problemOf(await browser.open(url.href)) }).toEqual({ iss, ...refused });
    }
  });

  it("never leaves the provider for another redirect address", async () => {
    newcomer();
    const { url } = await makeBrowser().open(start(), provider.issuer);
    const tampered = new URL(url);
    for (const [name, value] of [
      ["redirect_uri", `${callback()}/..`],
      ["redirect_uri", "https://evil.example/"],
    ] as const) {
      tampered.searchParams.set(name, value);
      const page = await makeBrowser().open(tampered.href);
      expect(page).toMatchObject({ status: 400, text: expect.stringContaining("redirect_uri") });
    }
    expect(new URL(url).searchParams.get("code_challenge_method")).toBe("S256");
  });

  const lies: Record<string, Lie> = {
    "another nonce": (claims) => signed(provider, { ...claims, nonce: "another" }),
    "no nonce": ({ nonce: _, ...claims }) => signed(provider, claims),
    "another issuer": (claims) => signed(provider, { ...claims, iss: other.issuer }),
    "another audience": (claims) => signed(provider, { ...claims, aud: "somebody-else" }),
    "one audience too many": (claims) => signed(provider, { ...claims, aud: ["nebula", "x"], azp: "x" }),
    "an hour too old": (claims) => signed(provider, { ...claims, exp: Number(claims.iat) - 3600 }),
    "no expiry": ({ exp: _, ...claims }) => signed(provider, claims),
    "another provider's signature": (claims) => signed(other, claims),
    "a broken signature": async (_claims, honest) => `${honest.slice(0, -8)}AAAAAAAA`,
    "no signature": async (claims) => `${encode({ alg: "none" })}.${encode(claims)}.`,
    "no subject": ({ sub: _, ...claims }) => signed(provider, claims),
  };

  it.each(Object.entries(lies))("is refused when its ID token has %s", async (_what, lie) => {
    const { email } = newcomer();
    liar.lie = lie;
    expect(problemOf(await makeBrowser().open(start()))).toEqual(refused);
    expect(await accounts(email)).toEqual([]);
  });

  it("is taken when the provider itself signs the same claims anew: what the cases above lack is what counts", async () => {
    newcomer();
    liar.lie = (claims) => signed(provider, claims);
    expect((await makeBrowser().open(start())).status).toBe(200);
    const skewed: Lie = (claims) =>
      signed(provider, { ...claims, iat: Number(claims.iat) + 20, exp: Number(claims.iat) - 10 });
    newcomer();
    liar.lie = skewed;
    expect((await makeBrowser().open(start())).status).toBe(200);
  });
});

it("asks no address inside the network that the operator has not named", { timeout: 90_000 }, async () => {
  const hits: string[] = [];
  const guarded = await startFederated(
    async () => ({ oidc: [{ name: "corp", issuer: provider.issuer, clientId: "nebula", clientSecret }] }),
    {
      fetch: guardedFetch(
        {},
        {
          connect: () => {
            hits.push("connected");
            throw new Error("connected");
          },
        },
      ),
    },
  );
  try {
    const page = await makeBrowser().open(`${guarded.publicUrl}/api/v1/auth/oidc/corp/start`);
    expect(problemOf(page)).toEqual({ status: 502, code: "NEB636" });
    expect(hits).toEqual([]);
  } finally {
    await guarded.close();
  }
});

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");

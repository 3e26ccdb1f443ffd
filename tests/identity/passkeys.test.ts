import type { Browser, BrowserContext, CDPSession, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { siteOf } from "../../portal/auth/index.ts";
import { startChromium } from "./chromium.ts";
import { type FederatedPortal, startFederated } from "./oidc.ts";
import { addPerson, goodPassword, signIn } from "./people.ts";

let portal: FederatedPortal;
let chromium: Browser;
beforeAll(async () => {
  // A name, as browsers demand it; it is the loopback address all the same.
  [portal, chromium] = await Promise.all([startFederated(async () => ({}), { host: "localhost" }), startChromium()]);
}, 180_000);
afterAll(async () => {
  await chromium?.close();
  await portal?.close();
});

type Json = Record<string, unknown>;
type Told = { readonly status: number; readonly body: Json & { readonly id?: string } };
type Device = {
  readonly page: Page;
  readonly context: BrowserContext;
  readonly cdp: CDPSession;
  readonly authenticatorId: string;
  /** A request of a page of the portal's own origin. */
  send(path: string, body?: Json, token?: string): Promise<Told>;
  make(options: unknown): Promise<Json>;
  sign(options: unknown): Promise<Json>;
};

/** A browser with a page at the portal's origin and an authenticator that it believes to be built in. */
async function withDevice<T>(use: (device: Device) => Promise<T>, origin = portal.publicUrl): Promise<T> {
  const context = await chromium.newContext();
  try {
    const page = await context.newPage();
    await page.route(`${origin}/page-of-the-test`, (route) =>
      route.fulfill({ contentType: "text/html", body: "<!doctype html><title>passkeys</title>" }),
    );
    await page.goto(`${origin}/page-of-the-test`);
    const cdp = await context.newCDPSession(page);
    await cdp.send("WebAuthn.enable");
    const { authenticatorId } = await cdp.send("WebAuthn.addVirtualAuthenticator", {
      options: {
        ...{ protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true },
        ...{ isUserVerified: true, automaticPresenceSimulation: true },
      },
    });
    return await use({
      ...{ page, context, cdp, authenticatorId },
      send: (path, body = {}, token) =>
        page.evaluate(
          async ({ url, given, bearer }) => {
            const response = await fetch(url, {
              method: "POST",
              headers: {
                "content-type": "application/json",
                ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
              },
              body: JSON.stringify(given),
            });
            const text = await response.text();
            return { status: response.status, body: text === "" ? {} : JSON.parse(text) };
          },
          { url: `/api/v1/auth${path}`, given: body, bearer: token },
        ),
      make: (options) => page.evaluate<Json>(script("create", "parseCreationOptionsFromJSON", options)),
      sign: (options) => page.evaluate<Json>(script("get", "parseRequestOptionsFromJSON", options)),
    });
  } finally {
    await context.close();
  }
}

/** As text: the test's own program knows no browser's names. */
const script = (verb: string, parse: string, options: unknown): string =>
  `navigator.credentials.${verb}({ publicKey: PublicKeyCredential.${parse}(${JSON.stringify(options)}) })
     .then((credential) => credential.toJSON())`;

async function person() {
  const user = await addPerson(portal);
  const token = (await signIn(portal, user.email ?? "")).body.accessToken as string;
  return { user, token };
}

/** Somebody with a passkey on this device. */
async function enrol(device: Device, name = "laptop") {
  const { user, token } = await person();
  const begun = await device.send("/passkeys/options", { currentPassword: goodPassword }, token);
  const response = await device.make(begun.body.options);
  const added = await device.send("/passkeys", { ticket: begun.body.ticket, name, response }, token);
  expect(added.status, JSON.stringify(added.body)).toBe(201);
  return { user, token, id: String(added.body.id), begun, response };
}

async function proof(device: Device): Promise<Json> {
  const { body } = await device.send("/passkeys/sign-in/options");
  return device.sign(body);
}
const enter = (device: Device, response: Json) => device.send("/passkeys/sign-in", { response, keep: "cookie" });

describe("a passkey", () => {
  it("is made on the device, signs in without a name, a password or a code, and is found again", async () => {
    await withDevice(async (device) => {
      const { user, token, id } = await enrol(device);
      await portal.sql.query(
        "insert into totp_factors (user_id, secret_sealed, confirmed_at) values ($1, 'unused', now())",
        [user.id],
      );
      const { status, body } = await enter(device, await proof(device));
      expect({ status, body }).toMatchObject({ status: 200, body: { status: "signed-in", person: { id: user.id } } });
      expect(body.refreshToken).toBeNull();
      const me = portal.as(String(body.accessToken));
      const { items } = (await me.get("/api/v1/auth/sessions")).body;
      expect(items.find((one: { current: boolean }) => one.current).methods).toEqual(["hwk"]);
      expect((await me.get("/api/v1/auth/passkeys")).body.items).toMatchObject([{ id, name: "laptop" }]);
      const renamed = await me.send("PATCH", `/api/v1/auth/passkeys/${id}`, { name: "work laptop" });
      expect(renamed.body).toMatchObject({ name: "work laptop", lastUsedAt: expect.any(String) });
      const mails = await portal.sql.query("select kind from mail_jobs where email = $1", [user.email]);
      expect(mails).toEqual([{ kind: "way-in-added" }]);
      const remove = (given: Json) => portal.as(token).send("POST", `/api/v1/auth/passkeys/${id}/remove`, given);
      expect((await remove({})).status).toBe(401);
      expect((await remove({ currentPassword: goodPassword })).status).toBe(204);
      expect((await me.get("/api/v1/auth/me")).status).toBe(401);
      expect(await enter(device, await proof(device))).toMatchObject({ status: 401, body: { code: "NEB639" } });
    });
  }, 60_000);

  it("answers a challenge once, in the browser that asked for it, and not another's", async () => {
    await withDevice(async (device) => {
      await enrol(device);
      const response = await proof(device);
      const withoutCookie = await portal.as("").send("POST", "/api/v1/auth/passkeys/sign-in", { response });
      expect(withoutCookie).toMatchObject({ status: 401, body: { code: "NEB639" } });
      const cookies = await device.context.cookies();
      expect((await enter(device, response)).status).toBe(200);
      await device.context.addCookies(cookies);
      expect(await enter(device, response)).toMatchObject({ status: 401, body: { code: "NEB639" } });
      // A new challenge, and the answer to the one before.
      await device.send("/passkeys/sign-in/options");
      expect(await enter(device, response)).toMatchObject({ status: 401, body: { code: "NEB639" } });
      // Control: a new answer to a new challenge.
      expect((await enter(device, await proof(device))).status).toBe(200);
    });
  }, 60_000);

  it("is refused when its device's counter does not go on: somebody has a copy", async () => {
    await withDevice(async (device) => {
      const { user, id } = await enrol(device);
      const { cdp, authenticatorId } = device;
      const { credentials } = await cdp.send("WebAuthn.getCredentials", { authenticatorId });
      expect((await enter(device, await proof(device))).status).toBe(200);
      const [copy] = credentials;
      if (copy === undefined) throw new Error("the authenticator holds no credential");
      await cdp.send("WebAuthn.removeCredential", { authenticatorId, credentialId: copy.credentialId });
      await cdp.send("WebAuthn.addCredential", { authenticatorId, credential: copy });
      expect(await enter(device, await proof(device))).toMatchObject({ status: 401, body: { code: "NEB639" } });
      const { body } = await portal
        .as(await portal.tokenFor("platform-admin"))
        .get(`/api/v1/audit-logs?action=auth.passkeySignIn&actor=${user.email}`);
      expect(body.items.some((line: { details: Json }) => line.details.copied !== undefined)).toBe(true);
      await portal.sql.query("update passkeys set counter = 0 where credential_id = $1", [id]);
      expect((await enter(device, await proof(device))).status).toBe(200);
    });
  }, 60_000);

  it("is refused without the person's own unlocking, for another account, and when disabled", async () => {
    await withDevice(async (device) => {
      const { user } = await enrol(device);
      const other = await person();
      const response = await proof(device);
      const inner = response.response as Json;
      const handle = Buffer.from(other.user.id).toString("base64url");
      expect((await enter(device, { ...response, response: { ...inner, userHandle: handle } })).status).toBe(401);
      const { cdp, authenticatorId } = device;
      const { body: options } = await device.send("/passkeys/sign-in/options");
      await cdp.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified: false });
      const unverified = await device.sign({ ...options, userVerification: "discouraged" });
      expect((await enter(device, unverified)).status).toBe(401);
      await cdp.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified: true });
      expect((await enter(device, await proof(device))).status).toBe(200);
      await portal.sql.query("update users set disabled_at = now() where id = $1", [user.id]);
      expect((await enter(device, await proof(device))).status).toBe(401);
    });
  }, 60_000);
});

describe("adding a passkey", () => {
  it("needs the password, the session that began it, and works once", async () => {
    await withDevice(async (device) => {
      const { token } = await person();
      expect((await device.send("/passkeys/options", {}, token)).status).toBe(401);
      const { token: mine, begun, response } = await enrol(device);
      const again = { ticket: begun.body.ticket, name: "again", response };
      expect((await device.send("/passkeys", again, mine)).body.code).toBe("NEB639");
      const other = await person();
      const fresh = await device.send("/passkeys/options", { currentPassword: goodPassword }, other.token);
      const made = await device.make(fresh.body.options);
      const stolen = await device.send("/passkeys", { ticket: fresh.body.ticket, name: "x", response: made }, mine);
      expect(stolen.body.code).toBe("NEB639");
    });
  }, 60_000);

  it("is refused from a page of another origin", async () => {
    const elsewhere = portal.publicUrl.replace(/:\d+$/, ":1");
    await withDevice(async (device) => {
      const { token } = await person();
      const begin = { currentPassword: goodPassword };
      const { body } = await portal.as(token).send("POST", "/api/v1/auth/passkeys/options", begin);
      const response = await device.make(body.options);
      const answer = { ticket: body.ticket, name: "phished", response };
      const added = await portal.as(token).send("POST", "/api/v1/auth/passkeys", answer);
      expect(added).toMatchObject({ status: 401, body: { code: "NEB639" } });
    }, elsewhere);
  }, 60_000);
});

it("binds passkeys to a name by https, and to this machine without", () => {
  expect(siteOf("https://nebula.example.com/")).toEqual({
    rpId: "nebula.example.com",
    origin: "https://nebula.example.com",
  });
  expect(siteOf("http://127.0.0.1:4400")).toEqual({ rpId: "localhost", origin: "http://localhost:4400" });
  for (const bad of ["http://nebula.example.com", "https://192.0.2.7", "https://[2001:db8::1]"])
    expect(() => siteOf(bad)).toThrow(/passkeys need/);
});

/** A real OpenID provider (npm `oidc-provider`), a browser that walks through redirects, and a portal between them. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { decodeJwt, exportJWK, generateKeyPair, importJWK, type JWTPayload, SignJWT } from "jose";
import Provider, { type Configuration, type JWK } from "oidc-provider";
import { guardedFetch, Secret, systemClock } from "../../platform/core/index.ts";
import { type AuthOptions, resolveProviders } from "../../portal/auth/index.ts";
import { freePort } from "../harness/ports.ts";
import { startPortal, type TestPortal } from "../portal/harness.ts";

export type Claims = {
  readonly email?: string;
  readonly email_verified?: unknown;
  readonly name?: string;
  readonly preferred_username?: string;
};

export type TestProvider = {
  readonly issuer: string;
  /** By subject. */
  readonly people: Map<string, Claims>;
  /** Who signs in next. */
  signsIn: string;
  /** Replaces the signing key. */
  rotate(): Promise<void>;
  /** The key of now, for forgeries that only the provider itself could make. */
  key(): JWK;
  close(): Promise<void>;
};

export const clientSecret = "a client secret of the test, long enough";

const newKey = async (): Promise<JWK> => {
  const { privateKey } = await generateKeyPair("RS256", { extractable: true });
  return {
    ...(await exportJWK(privateKey)),
    kid: Math.random().toString(36).slice(2),
    use: "sig",
    alg: "RS256",
  } as JWK;
};

export async function startOidcProvider(redirectUris: readonly string[]): Promise<TestProvider> {
  const server = createServer((request, response) => void answer(request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  let key = await newKey();
  const people: TestProvider["people"] = new Map();
  const self = { signsIn: "" };
  const make = () => new Provider(issuer, configuration(key, redirectUris, people));
  let provider = make();

  const answer = async (...[request, response]: Parameters<ReturnType<Provider["callback"]>>) => {
    if (!request.url?.startsWith("/interaction/")) return provider.callback()(request, response);
    const { params } = await provider.interactionDetails(request, response);
    const grant = new provider.Grant({ accountId: self.signsIn, clientId: String(params.client_id) });
    grant.addOIDCScope(String(params.scope));
    const consent = { grantId: await grant.save() };
    await provider.interactionFinished(request, response, { login: { accountId: self.signsIn }, consent });
  };
  return Object.assign(self, {
    issuer,
    people,
    async rotate() {
      key = await newKey();
      provider = make();
    },
    key: () => key,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

const configuration = (key: JWK, redirectUris: readonly string[], people: TestProvider["people"]): Configuration => ({
  clients: [
    {
      client_id: "nebula",
      client_secret: clientSecret,
      redirect_uris: [...redirectUris],
      grant_types: ["authorization_code"],
      response_types: ["code"],
    },
  ],
  jwks: { keys: [key] },
  cookies: { keys: ["the test's own"] },
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name", "preferred_username"] },
  findAccount: (_context, id) => ({ accountId: id, claims: async () => ({ sub: id, ...people.get(id) }) }),
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_context, { uid }) => `/interaction/${uid}` },
  pkce: { required: () => true },
  ttl: { AccessToken: 60, AuthorizationCode: 60, Grant: 60, IdToken: 60, Interaction: 60, Session: 60 },
});

/** What a provider that lies would say instead of its ID token. */
export type Lie = (claims: JWTPayload, honest: string) => Promise<string>;

/** Signed by the provider's own key, whatever it says. */
export const signed = async (provider: TestProvider, claims: JWTPayload): Promise<string> => {
  const jwk = provider.key();
  return new SignJWT(claims)
    .setProtectedHeader({ alg: "RS256", kid: String(jwk.kid) })
    .sign(await importJWK(jwk as Parameters<typeof importJWK>[0], "RS256"));
};

/** Put before the real fetch; `lie` is asked at the token endpoint. */
export function makeLiar(real: typeof fetch): { fetch: typeof fetch; lie: Lie | undefined } {
  const liar: { fetch: typeof fetch; lie: Lie | undefined } = {
    lie: undefined,
    async fetch(input, init) {
      const response = await real(input, init);
      if (liar.lie === undefined || !String(input).endsWith("/token") || !response.ok) return response;
      const body = (await response.json()) as { id_token: string };
      const token = await liar.lie(decodeJwt(body.id_token), body.id_token);
      return Response.json({ ...body, id_token: token });
    },
  };
  return liar;
}

export type FederatedPortal = TestPortal & { readonly publicUrl: string };

/** A portal with these providers; what a name resolves to on this machine is allowed. */
export async function startFederated(
  providersOf: (publicUrl: string) => Promise<{ readonly oidc?: readonly object[]; readonly github?: object }>,
  options: {
    readonly fetch?: typeof fetch;
    readonly auth?: Partial<AuthOptions>;
    readonly host?: string;
    readonly identity?: NonNullable<Parameters<typeof startPortal>[0]>["identity"];
  } = {},
): Promise<FederatedPortal> {
  const port = await freePort();
  const publicUrl = `http://${options.host ?? "127.0.0.1"}:${port}`;
  const { oidc, github } = await providersOf(publicUrl);
  const secretly = (value: unknown) => (value === undefined ? undefined : new Secret(JSON.stringify(value)));
  const providers = resolveProviders(
    { oidc: secretly(oidc), github: secretly(github) },
    { fetch: options.fetch ?? insideFetch(), clock: systemClock, publicUrl },
  );
  const auth = { publicUrl, providers, ...options.auth };
  const { identity = {} } = options;
  return Object.assign(await startPortal({ port, auth, identity }), { publicUrl });
}

export const insideFetch = (): typeof fetch => guardedFetch({ inside: ["127.0.0.1"] });

export type Page = { readonly url: string; readonly status: number; readonly headers: Headers; readonly text: string };

export type Browser = {
  /** By origin, then by name. */
  readonly jar: Map<string, Map<string, string>>;
  /** Follows redirects, cookies and all, until a page or until the next address begins with `stopAt`. */
  open(url: string, stopAt?: string): Promise<Page>;
  send(url: string, body: unknown, headers?: Record<string, string>): Promise<Page>;
};

export function makeBrowser(): Browser {
  const jar: Browser["jar"] = new Map();
  const ask = async (url: string, init: RequestInit): Promise<Page> => {
    const { origin } = new URL(url);
    const own = jar.get(origin) ?? new Map<string, string>();
    jar.set(origin, own);
    const cookie = [...own].map((pair) => pair.join("=")).join("; ");
    const response = await fetch(url, {
      redirect: "manual",
      ...init,
      headers: { accept: "text/html,*/*;q=0.8", ...(cookie === "" ? {} : { cookie }), ...init.headers },
    });
    for (const line of response.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (/max-age=0|expires=thu, 01 jan 1970/i.test(line)) own.delete(name);
      else own.set(name, value);
    }
    return { url, status: response.status, headers: response.headers, text: await response.text() };
  };
  return {
    jar,
    async open(url, stopAt) {
      for (let next = url, hops = 0; hops < 20; hops++) {
        const page = await ask(next, {});
        const location = page.headers.get("location");
        if (location === null) return page;
        next = new URL(location, next).href;
        if (stopAt !== undefined && next.startsWith(stopAt)) return { ...page, url: next };
      }
      throw new Error(`${url} redirects for ever`);
    },
    send: (url, body, headers = {}) =>
      ask(url, {
        method: "POST",
        body: JSON.stringify(body),
        headers: {
          "content-type": "application/json",
          accept: "application/json",
          "sec-fetch-site": "same-origin",
          ...headers,
        },
      }),
  };
}

/** The access token of a browser that is signed in by its cookie. */
export async function accessTokenOf(browser: Browser, { publicUrl }: FederatedPortal): Promise<string> {
  const { status, text } = await browser.send(`${publicUrl}/api/v1/auth/refresh`, {});
  if (status !== 200) throw new Error(`not signed in: ${text}`);
  return (JSON.parse(text) as { accessToken: string }).accessToken;
}

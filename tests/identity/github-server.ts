/** GitHub's user authorisation on a port: authorize, access token with PKCE, /user, /user/emails, errors as GitHub words them. */
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

export type Octocat = {
  readonly id: number;
  readonly login: string;
  readonly name?: string | null;
  readonly emails:
    | readonly { readonly email: string; readonly primary: boolean; readonly verified: boolean }[]
    | "hidden";
};

export type GitHubServer = {
  readonly url: string;
  signsIn: Octocat | "denies";
  /** Answers everything with this status until it is undefined again. */
  broken: number | undefined;
  readonly requests: string[];
  close(): Promise<void>;
};

type Grant = { readonly who: Octocat; readonly challenge: string | null; readonly redirectUri: string };

export async function startGitHub(client: { readonly id: string; readonly secret: string }): Promise<GitHubServer> {
  const codes = new Map<string, Grant>();
  const tokens = new Map<string, Octocat>();
  const nobody: Octocat = { id: 1, login: "nobody", emails: [] };
  const self = {
    signsIn: nobody as GitHubServer["signsIn"],
    broken: undefined as number | undefined,
    requests: [] as string[],
  };

  const authorize = (url: URL, response: ServerResponse): void => {
    const ask = url.searchParams;
    const back = new URL(ask.get("redirect_uri") ?? "http://missing.invalid/");
    back.searchParams.set("state", ask.get("state") ?? "");
    if (self.signsIn === "denies") back.searchParams.set("error", "access_denied");
    else {
      const code = randomBytes(10).toString("hex");
      codes.set(code, {
        who: self.signsIn,
        challenge: ask.get("code_challenge"),
        redirectUri: ask.get("redirect_uri") ?? "",
      });
      back.searchParams.set("code", code);
    }
    response.writeHead(302, { location: back.href }).end();
  };

  const exchange = (form: URLSearchParams): object => {
    if (form.get("client_id") !== client.id || form.get("client_secret") !== client.secret)
      return {
        error: "incorrect_client_credentials",
        error_description: "The client_id and/or client_secret passed are incorrect.",
      };
    const grant = codes.get(form.get("code") ?? "");
    const hash = createHash("sha256")
      .update(form.get("code_verifier") ?? "")
      .digest("base64url");
    codes.delete(form.get("code") ?? "");
    if (grant === undefined || hash !== grant.challenge)
      return { error: "bad_verification_code", error_description: "The code passed is incorrect or expired." };
    if (grant.redirectUri !== form.get("redirect_uri")) return { error: "redirect_uri_mismatch" };
    const token = `gho_${randomBytes(18).toString("hex")}`;
    tokens.set(token, grant.who);
    return { access_token: token, scope: "read:user,user:email", token_type: "bearer" };
  };

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? "/", "http://127.0.0.1");
    self.requests.push(`${request.method} ${url.pathname}`);
    const json = (status: number, body: unknown) =>
      response.writeHead(status, { "content-type": "application/json; charset=utf-8" }).end(JSON.stringify(body));
    if (self.broken !== undefined) return void json(self.broken, { message: "Unicorn!" });
    if (url.pathname === "/login/oauth/authorize") return authorize(url, response);
    // GitHub answers a refused exchange with 200 and an error in it.
    if (url.pathname === "/login/oauth/access_token")
      return void json(200, exchange(new URLSearchParams(await text(request))));
    const who = tokens.get(/^Bearer (.*)$/.exec(request.headers.authorization ?? "")?.[1] ?? "");
    if (who === undefined) return void json(401, { message: "Bad credentials" });
    const { emails, ...account } = who;
    if (url.pathname === "/api/v3/user") return void json(200, { ...account, type: "User", site_admin: false });
    if (url.pathname === "/api/v3/user/emails" && emails !== "hidden")
      return void json(
        200,
        emails.map((one) => ({ ...one, visibility: null })),
      );
    json(404, { message: "Not Found" });
  };

  const server = createServer((request, response) => void answer(request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return Object.assign(self, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

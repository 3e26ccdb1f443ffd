import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type GitHubServer, type Octocat, startGitHub } from "./github-server.ts";
import {
  clientSecret,
  type FederatedPortal,
  makeBrowser,
  startFederated,
  startOidcProvider,
  type TestProvider,
} from "./oidc.ts";

const cli = join(import.meta.dirname, "../../launcher/cli.ts");
const secret = "0123456789abcdef0123456789abcdef01234567";

let provider: TestProvider;
let github: GitHubServer;
let portal: FederatedPortal;
let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "cli-"));
  github = await startGitHub({ id: "Iv1.test", secret });
  portal = await startFederated(async (publicUrl) => {
    provider = await startOidcProvider([`${publicUrl}/api/v1/auth/oidc/corp/callback`]);
    const corp = { name: "corp", issuer: provider.issuer, clientId: "nebula", clientSecret };
    return {
      oidc: [{ ...corp, emailDomains: ["corp.example"], createAccounts: true }],
      github: { url: github.url, clientId: "Iv1.test", clientSecret: secret },
    };
  });
});
afterAll(async () => {
  await Promise.all([portal.close(), provider.close(), github.close()]);
  await rm(home, { recursive: true, force: true });
});

/** A command, and a browser that goes where the command says. */
async function nebula(args: readonly string[], { browse = false } = {}) {
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", cli, ...args, "-o", "json"], {
    env: { PATH: process.env.PATH, HOME: home, NEBULA_DATA: join(home, "data"), NEBULA_URL: portal.url },
    stdio: ["pipe", "pipe", "pipe"],
  });
  child.stdin.end();
  let err = "";
  let page: ReturnType<ReturnType<typeof makeBrowser>["open"]> | undefined;
  child.stderr.on("data", (chunk) => {
    err += String(chunk);
    const url = /^ {2}(http\S+)\n/m.exec(err)?.[1];
    if (browse && url !== undefined && page === undefined) page = knockAndGo(url);
  });
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  const [out, code] = await Promise.all([text(child.stdout), ended]);
  return { code, out, err, page: await page };
}

/** Somebody else on the machine knocks first, with a code of his own. */
async function knockAndGo(url: string) {
  const loopback = new URL(url).searchParams.get("loopback") ?? "";
  expect((await fetch(`${loopback}?code=theirs&state=guessed`)).status).toBe(404);
  return makeBrowser().open(url);
}

it("signs in by an OpenID provider, and links and unlinks GitHub", { timeout: 180_000 }, async () => {
  provider.people.set("sub-1", { email: "joan@corp.example", email_verified: true, name: "Joan" });
  provider.signsIn = "sub-1";
  const login = await nebula(["login", "--oidc", "corp"], { browse: true });
  expect(login.code, login.err).toBe(0);
  expect(login.page?.text).toContain("go back to the command");
  expect(JSON.parse(login.out)).toMatchObject({ user: "joan@corp.example" });

  const cat: Octocat = { id: 583231, login: "octojoan", emails: [] };
  github.signsIn = cat;
  const linked = await nebula(["account", "link", "github"], { browse: true });
  expect(linked.code, linked.err).toBe(0);
  const { out } = await nebula(["account", "identities"]);
  expect(JSON.parse(out)).toMatchObject([
    { provider: "github", subject: "583231", login: "octojoan" },
    { provider: `oidc:${provider.issuer}`, subject: "sub-1" },
  ]);
  const again = await nebula(["login", "--github"], { browse: true });
  expect(JSON.parse(again.out)).toMatchObject({ user: "joan@corp.example" });
  const unlinked = await nebula(["account", "unlink", "github"]);
  expect(unlinked.err).toContain("unlinked; other sessions ended: 1");
  expect(JSON.parse((await nebula(["account", "passkeys"])).out)).toEqual([]);
});

it("says what was refused in the browser, and what there is not", { timeout: 180_000 }, async () => {
  github.signsIn = "denies";
  const denied = await nebula(["login", "--github"], { browse: true });
  expect(denied).toMatchObject({ code: 3, err: expect.stringContaining("NEB637") });
  const unknown = await nebula(["login", "--oidc", "nobody"]);
  expect(unknown).toMatchObject({ code: 4, err: expect.stringContaining("It has: corp, github") });
  expect((await nebula(["login", "--github", "--oidc", "corp"])).code).toBe(2);
  github.signsIn = { id: 77, login: "stranger", emails: [] };
  const stranger = await nebula(["login", "--github"], { browse: true });
  expect(stranger).toMatchObject({ code: 3, err: expect.stringContaining("NEB638") });
});

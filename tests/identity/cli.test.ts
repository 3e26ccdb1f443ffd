import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { type TOTP, URI } from "otpauth";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ensureSetupToken } from "../../portal/auth/index.ts";
import { startPortal, type TestPortal } from "../portal/harness.ts";
import { addPerson, goodPassword, type Mailbox, sendAll, startMailbox, tokenTo } from "./people.ts";

const cli = join(import.meta.dirname, "../../launcher/cli.ts");

let portal: TestPortal;
let mailbox: Mailbox;
let home: string;
beforeAll(async () => {
  // An access token that is about to die as soon as it is made: every command renews it.
  [portal, mailbox] = await Promise.all([
    startPortal({ identity: { lifetimes: { accessSeconds: 20 } } }),
    startMailbox(),
  ]);
  home = await mkdtemp(join(tmpdir(), "cli-"));
});
afterAll(() => Promise.all([portal.close(), mailbox.close(), rm(home, { recursive: true, force: true })]));

type Ran = { readonly code: number | null; readonly out: string; readonly err: string };

async function nebula(args: readonly string[], ...answers: string[]): Promise<Ran> {
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", cli, ...args, "-o", "json"], {
    env: { PATH: process.env.PATH, HOME: home, NEBULA_DATA: join(home, "data"), NEBULA_URL: portal.url },
    stdio: ["pipe", "pipe", "pipe"],
  });
  child.stdin.end(answers.map((line) => `${line}\n`).join(""));
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { code, out, err };
}

const kept = join(".config", "nebuladb", "login.json");
const session = async () => JSON.parse(await readFile(join(home, kept), "utf8")).session as { refreshToken: string };

it("signs in with a password from standard input, renews by itself, and signs out", { timeout: 180_000 }, async () => {
  const user = await addPerson(portal);
  const wrong = await nebula(["login", "--email", user.email ?? ""], "not the password");
  expect(wrong).toMatchObject({ code: 3, out: "" });
  expect(wrong.err).toContain("NEB665");
  const right = await nebula(["login", "--email", user.email ?? ""], goodPassword);
  expect(right.code, right.err).toBe(0);
  expect(JSON.parse(right.out)).toMatchObject({ user: user.email });
  expect((await stat(join(home, kept))).mode & 0o777).toBe(0o600);
  const before = await session();
  const who = await nebula(["whoami"]);
  expect(who.code, who.err).toBe(0);
  expect((await session()).refreshToken).not.toBe(before.refreshToken);
  const both = await Promise.all([nebula(["whoami"]), nebula(["account", "show"])]);
  expect(both.map(({ code }) => code)).toEqual([0, 0]);
  expect((await nebula(["logout"])).code).toBe(0);
  const after = await nebula(["whoami"]);
  expect(after.code).toBe(3);
  expect(after.err).toContain("NEB660");
});

it("makes the first administrator, invites, verifies, asks for the second factor", { timeout: 270_000 }, async () => {
  const token = (await ensureSetupToken(portal.sql, () => undefined))?.reveal() ?? "";
  const root = await nebula(["account", "setup", "--email", "root@nebula.example", "--token", token], goodPassword);
  expect(root.code, root.err).toBe(0);
  expect((await nebula(["user", "invite", "joan@bank.example"])).code).toBe(0);
  const rotated = await nebula(["keys", "rotate-signing"]);
  expect(JSON.parse(rotated.out).id).toMatch(/^key_/);
  await sendAll(portal, mailbox);
  const invited = await tokenTo(mailbox, "joan@bank.example");
  const joan = await nebula(["account", "verify", invited, "--name", "Joan"], goodPassword);
  expect(joan.code, joan.err).toBe(0);
  const refused = await nebula(["user", "list"]);
  expect({ code: refused.code, err: refused.err }).toMatchObject({ code: 3, err: expect.stringContaining("NEB662") });

  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", cli, "account", "totp"], {
    env: { PATH: process.env.PATH, HOME: home, NEBULA_DATA: join(home, "data"), NEBULA_URL: portal.url },
    stdio: ["pipe", "pipe", "pipe"],
  });
  child.stdin.write(`${goodPassword}\n`);
  let said = "";
  const totp = await new Promise<TOTP>((resolve) => {
    child.stderr.on("data", (chunk) => {
      said += String(chunk);
      const uri = /otpauth:\/\/\S+/.exec(said)?.[0];
      if (uri !== undefined && said.endsWith("\n")) resolve(URI.parse(uri) as TOTP);
    });
  });
  child.stdin.end(`${totp.generate()}\n`);
  const codes = (await text(child.stdout)).trim().split("\n");
  expect(codes).toHaveLength(10);
  const again = await nebula(["login", "--email", "joan@bank.example"], goodPassword, codes[0] ?? "");
  expect(again.code, again.err).toBe(0);
  const everywhere = await nebula(["logout", "--everywhere"]);
  expect(everywhere.err).toContain("2 sessions ended");
});

/** The same rights by the command line and by curl: the CLI has no others. */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exitCodes } from "../../portal/cli/index.ts";
import { type HostedPortal, startHostedPortal } from "./hosted.ts";
import { addPerson, declareTenants, keyOf, tenantOf } from "./people.ts";

const run = promisify(execFile);
const cli = join(import.meta.dirname, "../../launcher/cli.ts");
const tenantFile = `import { tenant } from "@nebuladb/platform";

export default tenant({
  displayName: "Shop",
  members: [{ user: "ada@shop.example", role: "domain-admin" }],
});
`;
const shop = tenantOf("shop", [
  { user: "ada@shop.example", role: "domain-admin" },
  { user: "dev@shop.example", role: "developer", projects: ["store"] },
]);

let hosted: HostedPortal;
let home: string;
let owner: string;
let developer: string;

beforeAll(async () => {
  hosted = await startHostedPortal(new Map([["tenants/shop/tenant.ts", tenantFile]]));
  home = mkdtempSync(join(tmpdir(), "nebula-cli-"));
  const { sql } = hosted.portal;
  await declareTenants(sql, [shop]);
  owner = (await keyOf(sql, await addPerson(sql, "ada@shop.example"))).text;
  developer = (await keyOf(sql, await addPerson(sql, "dev@shop.example"))).text;
});
afterAll(async () => {
  await hosted.close();
  rmSync(home, { recursive: true, force: true });
});

const nebula = async (token: string, ...args: string[]) => {
  const env = {
    PATH: process.env.PATH,
    HOME: home,
    NEBULA_DATA: home,
    NEBULA_URL: hosted.portal.url,
    NEBULA_TOKEN: token,
  };
  try {
    const { stdout, stderr } = await run(process.execPath, [cli, ...args], { env });
    return { code: 0, stdout, stderr };
  } catch (thrown) {
    return thrown as { code: number; stdout: string; stderr: string };
  }
};

describe("the command line", () => {
  it("makes, lists, rotates and revokes keys, and prints a secret once and alone", { timeout: 90_000 }, async () => {
    const made = await nebula(
      owner,
      "key",
      "create",
      "ci",
      "--at",
      "shop/store",
      "--scope",
      "operations:read",
      "--expires",
      "1h",
    );
    expect(made.code).toBe(0);
    expect(made.stdout).toMatch(/^ndb_live_[0-9a-z]{26}_\w+\n$/);
    const key = made.stdout.trim();
    const listed = JSON.parse((await nebula(owner, "key", "list", "-o", "json")).stdout) as {
      id: string;
      name: string;
    }[];
    const id = listed.find(({ name }) => name === "ci")?.id ?? "";
    expect(key).toContain(id);
    const rotated = await nebula(owner, "key", "rotate", id, "--overlap", "1h");
    expect(rotated.stdout).toMatch(/^ndb_live_/);
    expect((await nebula(owner, "key", "revoke", id)).code).toBe(0);
    expect((await nebula(key, "ops", "list")).code).toBe(exitCodes.auth);
    expect((await nebula(rotated.stdout.trim(), "ops", "list")).code).toBe(0);
  });

  it("makes service accounts and their keys", { timeout: 90_000 }, async () => {
    expect((await nebula(owner, "service-account", "create", "shop/ci", "--role", "developer@store")).code).toBe(0);
    const { stdout } = await nebula(owner, "key", "create", "x", "--service-account", "shop/ci");
    expect((await nebula(stdout.trim(), "login", "-o", "json")).stdout).toContain('"service:shop/ci"');
    expect((await nebula(owner, "service-account", "list", "shop")).stdout).toContain("developer@store");
    const root = await hosted.portal.tokenFor("platform-admin", null, null);
    expect((await nebula(root, "user", "list")).stdout).toContain("service:shop/ci");
    expect((await nebula(owner, "service-account", "delete", "shop/ci")).code).toBe(0);
  });

  it("asks for members by pull request", { timeout: 90_000 }, async () => {
    expect((await nebula(owner, "member", "list", "shop")).stdout).toContain("ada@shop.example");
    const added = await nebula(owner, "member", "add", "shop", "eve@shop.example", "--role", "viewer", "-o", "json");
    const { pull } = JSON.parse(added.stdout) as { pull: { number: number; headCommit: string } };
    const file = await hosted.host.getFile("tenants/shop/tenant.ts", pull.headCommit);
    expect(file?.text).toContain('{ user: "eve@shop.example", role: "viewer" }');
    expect((await nebula(owner, "member", "remove", "shop", "ada@shop.example")).code).toBe(0);
  });

  it("refuses a developer what curl refuses him, with the exit code of that", { timeout: 90_000 }, async () => {
    const refused = [
      ["member", "add", "shop", "dev@shop.example", "--role", "domain-admin"],
      ["service-account", "create", "shop/mine", "--role", "developer@store"],
      ["key", "create", "x", "--service-account", "shop/ci", "--at", "shop/store"],
    ];
    for (const args of refused) {
      const { code, stderr, stdout } = await nebula(developer, ...args);
      expect({ args, code }).toEqual({ args, code: exitCodes.auth });
      expect(`${stdout}${stderr}`).toMatch(/NEB66[23]|NEB673/);
    }
    expect((await nebula(developer, "key", "create", "mine", "--at", "shop/store")).code).toBe(0);
    expect((await nebula(developer, "member", "list", "elsewhere")).code).toBe(exitCodes.notFound);
  });
});

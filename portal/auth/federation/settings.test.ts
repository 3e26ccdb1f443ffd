import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { Secret, systemClock } from "../../../platform/core/index.ts";
import { resolveProviders } from "./settings.ts";

const parts = { fetch, clock: systemClock, publicUrl: "https://nebula.example" };
const corp = { name: "corp", issuer: "https://id.example", clientId: "nebula", clientSecret: "hush-hush" };

const resolve = (oidc?: unknown, github?: unknown) => {
  const secretly = (value: unknown) =>
    value === undefined ? undefined : new Secret(typeof value === "string" ? value : JSON.stringify(value));
  return resolveProviders({ oidc: secretly(oidc), github: secretly(github) }, parts);
};

it("reads providers, each with an address of its own to come back to", () => {
  const found = resolve([corp, { ...corp, name: "other", issuer: "https://other.example" }], {
    clientId: "Iv1.x",
    clientSecret: "hush",
  });
  expect([...found.values()].map(({ name, kind, redirectUri }) => ({ name, kind, redirectUri }))).toEqual([
    { name: "corp", kind: "oidc", redirectUri: "https://nebula.example/api/v1/auth/oidc/corp/callback" },
    { name: "other", kind: "oidc", redirectUri: "https://nebula.example/api/v1/auth/oidc/other/callback" },
    { name: "github", kind: "github", redirectUri: "https://nebula.example/api/v1/auth/github/callback" },
  ]);
  expect(resolve().size).toBe(0);
  expect(found.get("corp")?.trust).toEqual({ emailDomains: null, trustedEmailDomains: [], createAccounts: false });
});

it("reads a client secret from a mounted file that is closed to others", () => {
  const folder = mkdtempSync(join(tmpdir(), "providers-"));
  try {
    const file = join(folder, "secret");
    const { clientSecret: _, ...without } = corp;
    writeFileSync(file, "hush-hush\n", { mode: 0o600 });
    expect(resolve([{ ...without, clientSecretFile: file }]).size).toBe(1);
    writeFileSync(join(folder, "open"), "hush-hush\n", { mode: 0o644 });
    expect(() => resolve([{ ...without, clientSecretFile: join(folder, "open") }])).toThrow(/open to others/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it.each([
  ["no JSON", "{"],
  ["no secret", [{ ...corp, clientSecret: undefined }]],
  ["a secret twice", [{ ...corp, clientSecretFile: "/x" }]],
  ["accounts for everybody's addresses without a word", [{ ...corp, createAccounts: true }]],
  ["trust in every domain", [{ ...corp, trustedEmailDomains: ["*"] }]],
  ["a domain that is none", [{ ...corp, emailDomains: ["example"] }]],
  ["scopes without openid", [{ ...corp, scopes: ["email"] }]],
  ["GitHub's name", [{ ...corp, name: "github" }]],
  ["one name twice", [corp, { ...corp, issuer: "https://other.example" }]],
  ["one issuer twice", [corp, { ...corp, name: "other" }]],
  ["an issuer with a query", [{ ...corp, issuer: "https://id.example/?a=b" }]],
  ["a field nobody knows", [{ ...corp, cleintId: "x" }]],
])("refuses %s, without showing a secret", (_what, oidc) => {
  expect(() => resolve(oidc)).toThrow(/NEBULA_OIDC_PROVIDERS/);
  try {
    resolve(oidc);
  } catch (thrown) {
    expect(String(thrown)).not.toContain("hush");
  }
});

it("names everything that is wrong at once", () => {
  expect(() => resolve([{ ...corp, scopes: [], name: "A" }], { clientId: "x", url: "ftp://x" })).toThrow(
    /0\.name .*0\.scopes .*NEBULA_GITHUB_SIGN_IN/s,
  );
});

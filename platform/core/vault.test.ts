import { createCipheriv, hkdfSync, randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { Secret } from "./secret.ts";
import { makeBorrowedVault, makeVault, makeVaultOver, scopeOf } from "./vault.ts";

const master = Buffer.alloc(32, 4);
const vault = makeVault(new Secret(master.toString("base64")));
const plain = new Secret("pässword \u{1f511}");
const orders = "credential:shop.store.orders:owner";

/** As the first release did it. */
function sealV1(text: string, context: string): string {
  const key = Buffer.from(hkdfSync("sha256", master, "nebuladb", "seal:v1", 32));
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(context));
  const body = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
  return `v1:${Buffer.concat([nonce, body, cipher.getAuthTag()]).toString("base64")}`;
}

test("what was sealed opens, also what the first release sealed", () => {
  expect(vault.open(vault.seal(plain, orders), orders).reveal()).toBe(plain.reveal());
  expect(vault.open(sealV1(plain.reveal(), orders), orders).reveal()).toBe(plain.reveal());
  expect(vault.open(vault.seal(new Secret(""), orders), orders).reveal()).toBe("");
});

test("derived secrets are those of the first release", () => {
  const first = Buffer.from(hkdfSync("sha256", master, "nebuladb", "derive:pulumi:shop", 32)).toString("base64url");
  expect(vault.derive("pulumi:shop").reveal()).toBe(first);
});

test("a value opens for its own context only, and not after a change of any byte", () => {
  const sealed = vault.seal(plain, orders);
  for (const other of ["credential:shop.store.orders:reader", "credential:shop.store.carts:owner", "secret:shop:owner"])
    expect(() => vault.open(sealed, other)).toThrow(expect.objectContaining({ code: "NEB904" }));
  const at = sealed.lastIndexOf(":") + 1;
  const bytes = Buffer.from(sealed.slice(at), "base64");
  for (let i = 0; i < bytes.length; i++) {
    const changed = Buffer.from(bytes);
    changed[i] = (changed[i] ?? 0) ^ 1;
    expect(() => vault.open(sealed.slice(0, at) + changed.toString("base64"), orders)).toThrow();
  }
  for (const broken of ["", "v2:", "v3:x:abcd", sealed.slice(0, 20), `v2:dk_fixed:${"A".repeat(8)}`])
    expect(() => vault.open(broken, orders)).toThrow(expect.objectContaining({ code: "NEB904" }));
});

test("an unknown key is asked for and can be tried again", () => {
  const missing: string[] = [];
  const key = { id: "dk_a", key: randomBytes(32) };
  const other = makeVaultOver({
    root: master,
    current: () => key,
    all: () => [key],
    missing: (id) => missing.push(id),
  });
  expect(() => other.open(vault.seal(plain, orders), orders)).toThrow(
    expect.objectContaining({ code: "NEB903", retry: true, status: 503 }),
  );
  expect(missing).toEqual(["dk_fixed"]);
});

test("a job is lent the keys of its own scopes, and nothing that the master key would give", () => {
  const loan = vault.lend({ scopes: ["credential:shop.store"], derived: ["pulumi:shop"] });
  const borrowed = makeBorrowedVault(loan);
  expect(borrowed.open(vault.seal(plain, orders), orders).reveal()).toBe(plain.reveal());
  expect(vault.open(borrowed.seal(plain, orders), orders).reveal()).toBe(plain.reveal());
  expect(borrowed.derive("pulumi:shop").reveal()).toBe(vault.derive("pulumi:shop").reveal());
  for (const context of ["credential:bank.store.orders:owner", "secret:shop:word", "signing-key:sk_1"]) {
    expect(() => borrowed.open(vault.seal(plain, context), context)).toThrow(/lent/);
    expect(() => borrowed.seal(plain, context)).toThrow(/lent/);
  }
  expect(() => borrowed.derive("pulumi:bank")).toThrow(/lent/);
  expect(JSON.stringify(loan)).not.toContain(master.toString("base64"));
  borrowed.take(vault.lend({ scopes: ["secret:bank"], derived: [] }));
  expect(() => borrowed.seal(plain, orders)).toThrow(/lent/);
});

test("a scope is a stack's credentials, a tenant's secrets, or the kind", () => {
  expect(scopeOf(orders)).toBe("credential:shop.store");
  expect(scopeOf("secret:shop:word")).toBe("secret:shop");
  expect(scopeOf("repository:repo_1:app-key")).toBe("repository");
  expect(scopeOf("forge-hook")).toBe("forge-hook");
});

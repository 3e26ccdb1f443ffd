/** What wraps data keys: a key file, a variable, Vault's transit engine. One suite for all. */
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Secret } from "../../platform/core/index.ts";
import { type KeyEncryptionKey, makeLocalKey, makeTransitKey, makeVaultClient } from "../../platform/keys/index.ts";
import { startVaultServer, type VaultServer } from "../keys/vault-server.ts";

let server: VaultServer;
beforeAll(async () => {
  server = await startVaultServer();
});
afterAll(() => server.close());

const fixed = new Secret(randomBytes(32).toString("base64"));
const client = (token = server.token) => makeVaultClient({ address: server.address, token: () => new Secret(token) });
const ports: Record<string, () => KeyEncryptionKey> = {
  local: () => makeLocalKey(() => fixed),
  "vault transit": () => makeTransitKey(client(), "transit/nebula"),
};

describe.each(Object.entries(ports))("%s", (_, make) => {
  const key = randomBytes(32);

  test("unwraps what it wrapped, in another process too", async () => {
    const wrapped = await make().wrap(key, "dk_1");
    expect((await make().unwrap(wrapped, "dk_1")).equals(key)).toBe(true);
    expect(make().opens(make().id())).toBe(true);
    expect(make().opens("local:0000000000000000")).toBe(false);
  });

  test("never wraps the same twice, and the wrapped text does not hold the key", async () => {
    const [one, two] = [await make().wrap(key, "dk_1"), await make().wrap(key, "dk_1")];
    expect(one).not.toBe(two);
    for (const shape of ["base64", "hex", "base64url"] as const) expect(one).not.toContain(key.toString(shape));
  });

  test("refuses a wrapped key that was moved or changed", async () => {
    const wrapped = await make().wrap(key, "dk_1");
    await expect(make().unwrap(wrapped, "dk_2")).rejects.toMatchObject({ code: "NEB905" });
    const at = wrapped.length - 20;
    const changed = wrapped.slice(0, at) + (wrapped[at] === "A" ? "B" : "A") + wrapped.slice(at + 1);
    await expect(make().unwrap(changed, "dk_1")).rejects.toMatchObject({ code: "NEB905" });
    await expect(make().rewrap(changed, "dk_1")).rejects.toMatchObject({ code: "NEB905" });
  });

  test("rewraps to another text of the same key", async () => {
    const wrapped = await make().wrap(key, "dk_1");
    const again = await make().rewrap(wrapped, "dk_1");
    expect(again).not.toBe(wrapped);
    expect((await make().unwrap(again, "dk_1")).equals(key)).toBe(true);
  });
});

test("another local key opens nothing, and has another name", async () => {
  const other = makeLocalKey(() => new Secret(randomBytes(32).toString("base64")));
  const wrapped = await makeLocalKey(() => fixed).wrap(randomBytes(32), "dk_1");
  await expect(other.unwrap(wrapped, "dk_1")).rejects.toMatchObject({ code: "NEB905" });
  expect(makeLocalKey(() => fixed).opens("transit:transit/nebula")).toBe(false);
  expect(makeLocalKey(() => new Secret("dG9vIHNob3J0")).id).toThrow(/32 bytes in base64/);
});

describe("vault transit", () => {
  test("keys of older versions open after a rotation in Vault, and a rewrap moves them to the newest", async () => {
    const port = makeTransitKey(client(), "transit/nebula");
    const key = randomBytes(32);
    const wrapped = await port.wrap(key, "dk_1");
    server.rotateTransit("nebula");
    expect((await port.unwrap(wrapped, "dk_1")).equals(key)).toBe(true);
    const before = server.asked.length;
    const moved = await port.rewrap(wrapped, "dk_1");
    expect(moved).toMatch(/^vault:v2:/);
    expect(server.asked.slice(before)).toEqual(["POST /v1/transit/rewrap/nebula"]);
  });

  test("says what the matter is: a wrong token, a missing key, a sealed or broken server", async () => {
    const wrong = makeTransitKey(client("hvs.wrong"), "transit/nebula");
    await expect(wrong.wrap(randomBytes(32), "dk_1")).rejects.toMatchObject({
      code: "NEB908",
      message: expect.stringContaining("permission denied"),
    });
    await expect(wrong.wrap(randomBytes(32), "dk_1")).rejects.toMatchObject({
      message: expect.not.stringMatching(/hvs/),
    });
    const missing = makeTransitKey(client(), "transit/other");
    await expect(missing.wrap(randomBytes(32), "dk_1")).rejects.toMatchObject({ code: "NEB908" });
    const port = makeTransitKey(client(), "transit/nebula");
    for (const status of [503, 500, 429, 0]) {
      server.fail(status, 1);
      await expect(port.wrap(randomBytes(32), "dk_1")).rejects.toMatchObject({ code: "NEB907", retry: true });
    }
  });

  test("a token that an agent renews is read again for each request", async () => {
    const tokens = [server.token, "hvs.old", server.token];
    const port = makeTransitKey(
      makeVaultClient({ address: `${server.address}/`, token: () => new Secret(tokens.shift() ?? "") }),
      "transit/nebula",
    );
    await port.wrap(randomBytes(32), "dk_1");
    await expect(port.wrap(randomBytes(32), "dk_1")).rejects.toMatchObject({ code: "NEB908" });
    await port.wrap(randomBytes(32), "dk_1");
  });
});

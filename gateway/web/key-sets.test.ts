import { exportJWK, generateKeyPair, type JWK, jwtVerify, SignJWT } from "jose";
import { expect, test } from "vitest";
import type { Clock, Observation } from "../../platform/core/index.ts";
import { makeKeySets } from "./key-sets.ts";

const url = "https://login.example.com/keys";

async function stand() {
  const state = { nowMs: 0, keys: [] as JWK[], broken: false, asked: 0 };
  const seen: Observation[] = [];
  const sets = makeKeySets({
    clock: { now: () => state.nowMs, monotonicMs: () => state.nowMs } as Clock,
    observe: (one) => seen.push(one),
    fetch: async () => {
      state.asked += 1;
      if (state.broken) throw new TypeError("no way there");
      return Response.json({ keys: state.keys });
    },
  });
  const publish = async (kid: string) => {
    const pair = await generateKeyPair("ES256", { extractable: true });
    state.keys = [{ ...(await exportJWK(pair.publicKey)), kid, alg: "ES256" }];
    return new SignJWT({}).setProtectedHeader({ alg: "ES256", kid }).setExpirationTime("5m").sign(pair.privateKey);
  };
  return { state, seen, sets, publish };
}

test("a key that is missed is looked for at once, and not more often than twice a minute", async () => {
  const { state, sets, publish } = await stand();
  const first = await publish("one");
  const set = await sets.of(url);
  if (set === undefined) throw new Error("no set");
  await jwtVerify(first, set);
  const second = await publish("two");
  state.nowMs = 10_000;
  expect(await sets.of(url, set)).toBe(set); // asked ten seconds ago
  state.nowMs = 31_000;
  const newer = await sets.of(url, set);
  if (newer === undefined) throw new Error("no set");
  await jwtVerify(second, newer);
  await expect(jwtVerify(first, newer)).rejects.toThrow();
  expect(state.asked).toBe(2);
});

test("an issuer that does not answer takes nothing away for a day", async () => {
  const { state, seen, sets, publish } = await stand();
  await publish("one");
  await sets.of(url);
  state.broken = true;
  state.nowMs = 700_000;
  expect(await sets.of(url)).toBeDefined();
  await expect.poll(() => seen.length).toBeGreaterThan(0);
  expect(seen[0]).toMatchObject({ kind: "fault", code: "NEB771" });
  state.nowMs = 86_400_001;
  await sets.of(url);
  await expect.poll(() => sets.of(url)).toBeUndefined();
});

test("a shared secret that somebody publishes verifies nothing", async () => {
  const { state, sets } = await stand();
  const secret = Buffer.from("a shared secret of more than 32 bytes");
  state.keys = [{ kty: "oct", kid: "one", k: secret.toString("base64url"), alg: "HS256" }];
  const token = await new SignJWT({})
    .setProtectedHeader({ alg: "HS256", kid: "one" })
    .setExpirationTime("5m")
    .sign(secret);
  const set = await sets.of(url);
  if (set === undefined) throw new Error("no set");
  await expect(jwtVerify(token, set)).rejects.toThrow();
});
